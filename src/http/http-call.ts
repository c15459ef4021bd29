import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Exchange } from './exchange.js';
import type { StepRequest } from './steps/step.js';

/** A request of which Node's HTTP server has read the head, and where its reply goes. */
export interface HttpCall extends StepRequest {
  readonly exchange: Exchange;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The path of its route: what metrics call it. */
  readonly route: string;
  /** Once it has been read. */
  body?: Buffer;
}

/** A call that came by way of Fastify, which does nothing more about it. */
export function takeOver(request: FastifyRequest, reply: FastifyReply): HttpCall {
  reply.hijack();
  const { exchange, raw, headers, ip } = request;
  return { exchange, request: raw, response: reply.raw, headers, ip, route: routeOf(request) };
}

function routeOf({ routeOptions }: FastifyRequest): string {
  return routeOptions.url ?? 'unmatched';
}
