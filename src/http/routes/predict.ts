import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../../shared/errors.js';
import type { PredictCall } from '../predict-call.js';
import { readBody } from '../read-body.js';
import type { Responder } from '../responder.js';
import { hookOf, type Step } from '../steps/step.js';
import type { Turn } from '../turn.js';

export interface PredictRouteParts {
  readonly single: PredictCall;
  readonly batch: PredictCall;
  readonly responder: Responder;
  readonly turn: Turn;
  readonly maxBodyBytes: number;
}

export function predictRoutes(app: FastifyInstance, { single, batch, ...parts }: PredictRouteParts): void {
  app.post('/v1/predict', routeOf(new PredictRoute(single, parts)));
  app.post('/v1/predict/batch', routeOf(new PredictRoute(batch, parts)));
}

/** The last hook before the body takes the request over: what Fastify does from there to a handler costs a tenth of a prediction. */
function routeOf(route: PredictRoute) {
  return {
    onRequest: route.begin,
    handler: (): never => {
      throw new Error('A prediction is answered before Fastify reads its body');
    },
  };
}

class PredictRoute {
  readonly #call: PredictCall;
  readonly #parts: Omit<PredictRouteParts, 'single' | 'batch'>;
  readonly #beforeBody: Gate;
  readonly #afterBody: Gate;

  constructor(call: PredictCall, parts: Omit<PredictRouteParts, 'single' | 'batch'>) {
    this.#call = call;
    this.#parts = parts;
    this.#beforeBody = this.#gate(call.beforeBody, this.#readBody);
    this.#afterBody = this.#gate(call.afterBody, this.#answer);
  }

  readonly begin = (request: FastifyRequest, reply: FastifyReply): void => this.#beforeBody(request, reply);

  readonly #readBody = (request: FastifyRequest, reply: FastifyReply): void => {
    readBody(request.raw, this.#parts.maxBodyBytes, (body) => {
      if (body instanceof ServiceError) return this.#parts.responder.error(request, reply, body);
      request.body = body;
      this.#afterBody(request, reply);
    });
  };

  readonly #answer = (request: FastifyRequest, reply: FastifyReply): void => {
    const { responder, turn } = this.#parts;
    const { exchange } = request;
    exchange.reachedPrediction = true;
    turn
      .read()
      .then(() => this.#call.answer(exchange, request.body as Buffer))
      .then((content) => responder.send(request, reply, content))
      .catch((thrown: unknown) => responder.error(request, reply, thrown));
  };

  /** A step, and what comes behind it where it does not refuse. */
  #gate(step: Step, behind: Gate): Gate {
    const { responder } = this.#parts;
    const hook = hookOf(step);
    return (request, reply) =>
      hook(request, reply, (refusal) =>
        refusal === undefined ? behind(request, reply) : responder.error(request, reply, refusal),
      );
  }
}

type Gate = (request: FastifyRequest, reply: FastifyReply) => void;
