import {
  allows,
  type Authenticator,
  type Credentials,
  type Principal,
  type RateDecision,
  type RateLimiter,
  type Scope,
} from '../../access/index.js';
import { ServiceError } from '../../shared/errors.js';
import type { Exchange } from '../exchange.js';
import type { Step, StepRequest } from './step.js';

/** Finds out who calls, for all steps behind it. Refuses with UNAUTHORIZED, or RATE_LIMIT_EXCEEDED after too many failed tries. */
export function authenticate(authenticator: Authenticator): Step {
  return (exchange, request) => {
    const principal = authenticator.authenticate(credentialsOf(request));
    if (principal instanceof Promise) return principal.then((later) => known(exchange, later));
    return known(exchange, principal);
  };
}

function known(exchange: Exchange, principal: Principal): undefined {
  exchange.principal = principal;
}

/** Takes one request, or `weigh(request)` of them, from the caller's rate limit. */
export function limitRate(limiter: RateLimiter | null, weigh: (request: StepRequest) => number = () => 1): Step {
  return (exchange, request) => {
    if (limiter === null) return undefined;
    const decision = limiter.take(exchange.principal, weigh(request));
    if (decision instanceof Promise) return decision.then((later) => decided(exchange, later));
    return decided(exchange, decision);
  };
}

function decided(exchange: Exchange, decision: RateDecision): ServiceError | undefined {
  exchange.rate = decision;
  return decision.allowed ? undefined : tooManyRequests(decision.resetSeconds);
}

/** Refuses a caller without the scope with FORBIDDEN. */
export function requireScope(scope: Scope): Step {
  return ({ principal }) =>
    allows(principal, scope) ? undefined : new ServiceError('FORBIDDEN', `This needs the scope ${scope}`);
}

function tooManyRequests(resetSeconds: number): ServiceError {
  return new ServiceError('RATE_LIMIT_EXCEEDED', 'The rate limit of this caller is used up', {
    retryAfterSeconds: resetSeconds,
    details: { retry_after_seconds: Math.max(1, Math.ceil(resetSeconds)) },
  });
}

function credentialsOf({ headers, ip: address }: StepRequest): Credentials {
  const apiKey = headers['x-api-key'];
  const bearer = bearerOf(headers.authorization);
  if (typeof apiKey !== 'string') return bearer === undefined ? { address } : { address, bearer };
  return bearer === undefined ? { address, apiKey } : { address, apiKey, bearer };
}

function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return authorization.slice(7).trim();
}
