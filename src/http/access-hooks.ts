import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { allows, type Authenticator, type Credentials, type RateLimiter, type Scope } from '../access/index.js';
import { ServiceError } from '../shared/errors.js';

export type SyncHook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void;

/** Finds out who calls, for all steps behind it. Refuses with UNAUTHORIZED, or RATE_LIMIT_EXCEEDED after too many failed tries. */
export function authenticateHook(authenticator: Authenticator): SyncHook {
  return (request, _reply, done) => {
    settle(
      () => authenticator.authenticate(credentialsOf(request)),
      (principal) => {
        request.exchange.principal = principal;
        return undefined;
      },
      done,
    );
  };
}

/** Takes one request, or `weigh(request)` of them, from the caller's rate limit. */
export function rateLimitHook(
  limiter: RateLimiter | null,
  weigh: (request: FastifyRequest) => number = () => 1,
): SyncHook {
  return (request, _reply, done) => {
    if (limiter === null) return done();
    const { exchange } = request;
    settle(
      () => limiter.take(exchange.principal, weigh(request)),
      (decision) => {
        exchange.rate = decision;
        return decision.allowed ? undefined : tooManyRequests(decision.resetSeconds);
      },
      done,
    );
  };
}

/** Refuses a caller without the scope with FORBIDDEN. */
export function scopeHook(scope: Scope): SyncHook {
  return (request, _reply, done) => {
    if (allows(request.exchange.principal, scope)) done();
    else done(new ServiceError('FORBIDDEN', `This needs the scope ${scope}`));
  };
}

function tooManyRequests(resetSeconds: number): ServiceError {
  return new ServiceError('RATE_LIMIT_EXCEEDED', 'The rate limit of this caller is used up', {
    retryAfterSeconds: resetSeconds,
    details: { retry_after_seconds: Math.max(1, Math.ceil(resetSeconds)) },
  });
}

function credentialsOf(request: FastifyRequest): Credentials {
  const address = request.ip;
  const apiKey = request.headers['x-api-key'];
  const bearer = bearerOf(request.headers.authorization);
  if (typeof apiKey !== 'string') return bearer === undefined ? { address } : { address, bearer };
  return bearer === undefined ? { address, apiKey } : { address, apiKey, bearer };
}

function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return authorization.slice(7).trim();
}

/** Asks, and goes on at once where the answer is no promise: a promise a request costs more than a known key's check. */
function settle<Answer>(
  ask: () => Answer | Promise<Answer>,
  use: (answer: Answer) => ServiceError | undefined,
  done: HookHandlerDoneFunction,
): void {
  let answer: Answer | Promise<Answer>;
  try {
    answer = ask();
  } catch (thrown) {
    done(asError(thrown));
    return;
  }
  if (answer instanceof Promise) {
    answer.then(use).then(done, (thrown: unknown) => done(asError(thrown)));
  } else {
    done(use(answer));
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('Something that is no error was thrown', { cause: thrown });
}
