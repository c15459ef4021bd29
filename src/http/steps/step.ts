import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import type { Awaitable } from '../../shared/awaitable.js';
import type { ServiceError } from '../../shared/errors.js';
import type { Exchange } from '../exchange.js';

/** What a step may know of a request; Fastify's has it all. */
export interface StepRequest {
  readonly headers: IncomingHttpHeaders;
  /** The caller's address. */
  readonly ip: string;
  /** Where the body has been read. */
  readonly body?: unknown;
}

/**
 * One thing that is done to every request before it is answered: it notes what it learns in the exchange, or tells why it goes no
 * further. It answers at once where it can: a promise a step costs more than a known key's check.
 * @throws ServiceError as well
 */
export type Step = (exchange: Exchange, request: StepRequest) => Awaitable<ServiceError | undefined>;

/** The steps one after the other, up to the first that refuses. */
export function inOrder(...steps: readonly Step[]): Step {
  return (exchange, request) => {
    for (let at = 0; at < steps.length; at++) {
      const refusal = (steps[at] as Step)(exchange, request);
      if (refusal === undefined) continue;
      if (!(refusal instanceof Promise)) return refusal;
      const rest = inOrder(...steps.slice(at + 1));
      return refusal.then((later) => later ?? rest(exchange, request));
    }
    return undefined;
  };
}

export type SyncHook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void;

/** Takes a step for `request`, and calls `done` once, with what refuses the request if anything does: at once where it can. */
export function takeStep(
  step: Step,
  exchange: Exchange,
  request: StepRequest,
  done: (refusal: Error | undefined) => void,
): void {
  let refusal: Awaitable<ServiceError | undefined>;
  try {
    refusal = step(exchange, request);
  } catch (thrown) {
    done(asError(thrown));
    return;
  }
  if (refusal instanceof Promise) refusal.then(done, (thrown: unknown) => done(asError(thrown)));
  else done(refusal);
}

/** A step as Fastify takes it. */
export function hookOf(step: Step): SyncHook {
  return (request, _reply, done) => takeStep(step, request.exchange, request, done);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('Something that is no error was thrown', { cause: thrown });
}
