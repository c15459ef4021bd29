import { randomBytes } from 'node:crypto';
import { SpanKind, SpanStatusCode, TraceFlags, type Attributes, type HrTime } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { FinishedRequest } from '../../prediction/index.js';
import { traceContextOf, type TraceContext } from '../../shared/trace-context.js';

interface SpanFacts {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly milliseconds: number;
  readonly failed: boolean;
  readonly attributes: Attributes;
}

const scope = { name: 'inference-service' };

/**
 * The spans of a request that has ended at `endMs` (since the epoch): one, and below it one a stage. Made afterwards from times that are
 * taken in any case, so that requests without a trace pay nothing. None where the caller's trace, or ours, is not sampled.
 */
export function spansOf(request: FinishedRequest, endMs: number, resource: Resource): ReadableSpan[] {
  const context = traceContextOf(request);
  if (context?.sampled !== true) return [];
  const start = endMs - request.latencyMs;
  const root: SpanFacts = {
    name: request.kind === 'batch' ? 'POST /v1/predict/batch' : 'POST /v1/predict',
    kind: SpanKind.SERVER,
    spanId: context.spanId,
    parentSpanId: context.parentSpanId,
    start,
    milliseconds: request.latencyMs,
    failed: request.error !== undefined && isOurFault(request.error.code),
    attributes: attributesOf(request),
  };
  return [root, ...stagesOf(request, context, start)].map((facts) => spanOf(facts, context, resource));
}

function stagesOf({ stageMs }: FinishedRequest, context: TraceContext, start: number): SpanFacts[] {
  let begun = start;
  return Object.entries(stageMs).map(([stage, milliseconds]) => {
    const facts = {
      name: `inference.${stage}`,
      kind: SpanKind.INTERNAL,
      spanId: randomBytes(8).toString('hex'),
      parentSpanId: context.spanId,
      start: begun,
      milliseconds,
      failed: false,
      attributes: {},
    };
    begun += milliseconds;
    return facts;
  });
}

/** Names and sizes, never a value that was sent, stored or predicted. */
function attributesOf(request: FinishedRequest): Attributes {
  return {
    'inference.request_id': request.requestId,
    'inference.rows': request.rows.length,
    'inference.cache_hit': request.cacheHit,
    ...(request.modelId !== null && { 'inference.model.name': request.modelId }),
    ...(request.modelVersion !== null && { 'inference.model.version': request.modelVersion }),
    ...(request.error !== undefined && { 'error.type': request.error.code }),
  };
}

/** OpenTelemetry's rule for servers: what is the caller's mistake leaves the span's status unset. */
function isOurFault(code: string): boolean {
  return code === 'INTERNAL_ERROR' || code === 'SERVICE_UNAVAILABLE' || code === 'INFERENCE_TIMEOUT';
}

function spanOf(facts: SpanFacts, { traceId }: TraceContext, resource: Resource): ReadableSpan {
  const contextOf = (spanId: string, isRemote: boolean) => ({
    traceId,
    spanId,
    isRemote,
    traceFlags: TraceFlags.SAMPLED,
  });
  const { name, kind, attributes, parentSpanId } = facts;
  const parent = parentSpanId === undefined ? undefined : contextOf(parentSpanId, kind === SpanKind.SERVER);
  return {
    name,
    kind,
    attributes,
    spanContext: () => contextOf(facts.spanId, false),
    ...(parent !== undefined && { parentSpanContext: parent }),
    startTime: hrTime(facts.start),
    endTime: hrTime(facts.start + facts.milliseconds),
    duration: hrTime(facts.milliseconds),
    status: { code: facts.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds. */
function hrTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds, Math.round((milliseconds - seconds * 1000) * 1e6)];
}
