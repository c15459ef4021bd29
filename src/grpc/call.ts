import { randomUUID } from 'node:crypto';
import { status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import type { Credentials, Principal } from '../access/index.js';
import type { CallContext } from '../prediction/index.js';
import type { Clock } from '../shared/clock.js';
import type { Caller } from '../shared/deadline.js';
import { toServiceError, type ServiceError } from '../shared/errors.js';
import { requestIdPattern } from '../shared/names.js';
import { outgoingTrace, validTraceparent, validTracestate, type TraceHeaders } from '../shared/trace-context.js';
import type { GrpcObserver } from './observer.js';
import { grpcError } from './status.js';

export type Answer<Message> = (call: GrpcCall<Message>) => Promise<object>;

export interface CallParts {
  readonly clock: Clock;
  readonly observer: GrpcObserver;
  readonly beginTrace: (() => string | undefined) | undefined;
}

/** A method of the server: answers each call, and tells of it once. */
export function answering<Message>(method: string, answer: Answer<Message>, parts: CallParts) {
  return (raw: ServerUnaryCall<Message, object>, reply: sendUnaryData<object>): void => {
    const call = new GrpcCall(raw, parts);
    const finished = (code: status, error: ServiceError | undefined) =>
      parts.observer.callFinished(call.factsOf({ method, code: status[code], error }));
    answer(call).then(
      (message) => {
        reply(null, message);
        finished(status.OK, undefined);
      },
      (thrown: unknown) => {
        const error = toServiceError(thrown);
        const refusal = grpcError(error);
        reply(refusal);
        finished(refusal.code, error);
      },
    );
  };
}

/** One call on its way: what its metadata say of it. */
export class GrpcCall<Message> implements Caller {
  readonly requestId: string;
  readonly traceparent: string | undefined;
  /** Set once it is known who calls. */
  principal: Principal | undefined = undefined;
  reachedPrediction = false;
  readonly #call: ServerUnaryCall<Message, object>;
  readonly #parts: CallParts;
  readonly #arrivedAt: number;
  readonly #tracestate: string | undefined;
  readonly #cancel = new AbortController();

  constructor(call: ServerUnaryCall<Message, object>, parts: CallParts) {
    this.#call = call;
    this.#parts = parts;
    this.#arrivedAt = parts.clock.monotonic();
    const requestId = this.#text('x-request-id');
    this.requestId = requestId !== undefined && requestIdPattern.test(requestId) ? requestId : randomUUID();
    const callers = validTraceparent(this.#text('traceparent'));
    this.#tracestate = callers === undefined ? undefined : validTracestate(this.#text('tracestate'));
    this.traceparent = callers ?? parts.beginTrace?.();
    call.on('cancelled', () => this.#cancel.abort());
  }

  get message(): Message {
    return this.#call.request;
  }

  get gone(): boolean {
    return this.#call.cancelled;
  }

  get cancel(): AbortSignal {
    return this.#cancel.signal;
  }

  get trace(): TraceHeaders | undefined {
    const { requestId, traceparent } = this;
    const hasSpan = this.#parts.beginTrace !== undefined;
    return outgoingTrace({ requestId, traceparent, tracestate: this.#tracestate, hasSpan });
  }

  /** `x-api-key`, or `authorization: Bearer …`. */
  get credentials(): Credentials {
    const apiKey = this.#text('x-api-key');
    const bearer = /^bearer +(\S+)$/i.exec(this.#text('authorization') ?? '')?.[1];
    return {
      address: this.#call.getPeer().replace(/:\d+$/, ''),
      ...(apiKey !== undefined && { apiKey }),
      ...(bearer !== undefined && { bearer }),
    };
  }

  /** Its time is what `grpc-timeout` leaves. */
  contextFor(principal: Principal): CallContext {
    const deadline = Number(this.#call.getDeadline());
    const { requestId, traceparent } = this;
    return {
      ...{ requestId, principal, caller: this, arrivedAt: this.#arrivedAt },
      ...(traceparent !== undefined && { traceparent }),
      timeoutMs: Number.isFinite(deadline) ? Math.max(0, deadline - this.#parts.clock.now()) : undefined,
    };
  }

  factsOf(outcome: { readonly method: string; readonly code: string; readonly error: ServiceError | undefined }) {
    const { requestId, traceparent, principal, reachedPrediction } = this;
    const durationMs = this.#parts.clock.monotonic() - this.#arrivedAt;
    return { ...outcome, requestId, traceparent, reachedPrediction, durationMs, clientId: principal?.clientId ?? null };
  }

  #text(name: string): string | undefined {
    const [value] = this.#call.metadata.get(name);
    return typeof value === 'string' ? value : undefined;
  }
}
