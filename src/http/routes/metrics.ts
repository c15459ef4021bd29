import type { FastifyInstance } from 'fastify';
import type { Authenticator } from '../../access/index.js';
import { authenticate, requireScope } from '../steps/access.js';
import { hookOf, inOrder } from '../steps/step.js';
import type { MetricsText } from '../reports.js';
import type { Responder } from '../responder.js';

export interface MetricsRouteParts {
  readonly responder: Responder;
  /** The text of a scrape in the form that the Accept header asks for. */
  readonly metrics: (accept: string | undefined) => Promise<MetricsText>;
  /** Who may read them; null: everybody. */
  readonly authenticator: Authenticator | null;
}

export function metricsRoute(app: FastifyInstance, { responder, metrics, authenticator }: MetricsRouteParts): void {
  const onRequest =
    authenticator === null ? [] : hookOf(inOrder(authenticate(authenticator), requireScope('metrics:read')));
  app.get('/metrics', { onRequest }, (request, reply) => {
    metrics(request.headers.accept)
      .then((text) => responder.send(request, reply, { status: 200, ...text }))
      .catch((thrown: unknown) => responder.error(request, reply, thrown));
  });
}
