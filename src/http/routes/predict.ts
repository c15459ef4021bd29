import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PredictCall } from '../predict-call.js';
import type { Responder } from '../responder.js';
import { hookOf } from '../steps/step.js';

export interface PredictRouteParts {
  readonly single: PredictCall;
  readonly batch: PredictCall;
  readonly responder: Responder;
}

const noBody = Buffer.alloc(0);

export function predictRoutes(app: FastifyInstance, { single, batch, responder }: PredictRouteParts): void {
  app.post('/v1/predict', routeOf(single, responder));
  app.post('/v1/predict/batch', routeOf(batch, responder));
}

function routeOf(call: PredictCall, responder: Responder) {
  return {
    onRequest: hookOf(call.beforeBody),
    preHandler: hookOf(call.afterBody),
    /** Not async: the reply is sent from the promise that the pipeline makes anyway. */
    handler: (request: FastifyRequest, reply: FastifyReply): void => {
      const { exchange, body } = request;
      exchange.reachedPrediction = true;
      call
        .answer(exchange, Buffer.isBuffer(body) ? body : noBody)
        .then((content) => responder.send(request, reply, content))
        .catch((thrown: unknown) => responder.error(request, reply, thrown));
    },
  };
}
