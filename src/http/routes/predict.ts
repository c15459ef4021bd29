import type { FastifyInstance } from 'fastify';
import { takeOver } from '../http-call.js';
import type { PredictRoute } from '../predict-route.js';

/** Those that `predict-front.ts` leaves to Fastify: with a query. */
export function predictRoutes(app: FastifyInstance, routes: ReadonlyMap<string, PredictRoute>): void {
  for (const [path, route] of routes) {
    app.post(path, {
      onRequest: (request, reply) => route.begin(takeOver(request, reply)),
      handler: () => {
        throw new Error('A prediction is answered before Fastify reads its body');
      },
    });
  }
}
