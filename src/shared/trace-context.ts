import { createHash, randomBytes } from 'node:crypto';

/** What a span is in its trace (W3C Trace Context, level 1). */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** The caller's span; undefined for a trace that begins here. */
  readonly parentSpanId: string | undefined;
  readonly sampled: boolean;
}

/** What is known of a request: its id, and the `traceparent` that came with it or was begun here. */
export interface TracedRequest {
  readonly requestId: string;
  readonly traceparent: string | undefined;
}

/**
 * Begins a trace: a `traceparent` whose span is our own. Its id is the second half of the trace's, by which it is told from a caller's
 * span: nothing else has to be remembered of it.
 */
export function newTraceparent(): string {
  const traceId = randomBytes(16).toString('hex');
  return `00-${traceId}-${traceId.slice(16)}-01`;
}

/** The span of a request; undefined where it belongs to no trace. */
export function traceContextOf({ requestId, traceparent }: TracedRequest): TraceContext | undefined {
  if (traceparent === undefined) return undefined;
  const [, traceId = '', callerId = '', flags = ''] = traceparent.split('-');
  const sampled = (Number.parseInt(flags, 16) & 1) === 1;
  if (callerId === traceId.slice(16)) return { traceId, spanId: callerId, parentSpanId: undefined, sampled };
  return { traceId, spanId: spanIdOf(requestId), parentSpanId: callerId, sampled };
}

/** The `traceparent` for calls that leave on behalf of a request: its own span as the parent; undefined where there is no trace. */
export function outgoingTraceparent(request: TracedRequest): string | undefined {
  const context = traceContextOf(request);
  if (context === undefined) return undefined;
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`;
}

/** Worked out of the request's id, so that calls that leave can name the span before it is made. */
function spanIdOf(requestId: string): string {
  return createHash('sha256').update(requestId).digest('hex').slice(0, 16);
}

/** Headers of calls that leave on behalf of a request. */
export interface TraceHeaders {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** What of a trace came with a request. */
export interface IncomingTrace extends TracedRequest {
  /** As it came; undefined where the trace is not the caller's. */
  readonly tracestate: string | undefined;
  /** Whether the request leaves a span of its own: without one the caller's stays the parent of what is called. */
  readonly hasSpan: boolean;
}

/** undefined where there is no trace. */
export function outgoingTrace({ hasSpan, tracestate, ...request }: IncomingTrace): TraceHeaders | undefined {
  const traceparent = hasSpan ? outgoingTraceparent(request) : request.traceparent;
  if (traceparent === undefined) return undefined;
  return { traceparent, ...(tracestate !== undefined && { tracestate }) };
}

const printable = /^[\x20-\x7e]+$/;

/** The header `tracestate` where it can be handed on as it is; what it says is the business of those who wrote it (section 3.3). */
export function validTracestate(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && printable.test(header) ? header : undefined;
}

const pattern = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}(-.*)?$/;

/** The header `traceparent` if it is valid; an invalid one is ignored as if it were not there (W3C Trace Context, section 3.2). */
export function validTraceparent(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string' || header.length > 512) return undefined;
  const match = pattern.exec(header);
  if (match === null) return undefined;
  const [, version, traceId, parentId, rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId ?? '') || /^0+$/.test(parentId ?? '')) return undefined;
  return header;
}
