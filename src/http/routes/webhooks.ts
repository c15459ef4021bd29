import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../shared/clock.js';
import { ServiceError } from '../../shared/errors.js';
import { signatureFault, type SignatureFault } from '../mlflow-signature.js';
import { jsonReply } from '../reply-content.js';
import { checkBodyHeaders } from '../request-rules.js';
import type { Responder } from '../responder.js';

/** MLflow tells that its registry has changed. */
export interface MlflowWebhook {
  /** What deliveries are signed with. */
  readonly secret: string;
  /** Has the registry asked at once; costs little however often it is called. */
  refresh(): void;
}

export interface WebhookRouteParts {
  readonly mlflowWebhook: MlflowWebhook;
  readonly responder: Responder;
  readonly clock: Clock;
}

const bodyLimit = 65_536;

const refusals: Readonly<Record<SignatureFault, string>> = {
  unsigned: 'The delivery is not signed: give the webhook in MLflow the secret of mlflow.webhook_secret',
  wrong: 'The signature of the delivery does not fit its body and mlflow.webhook_secret',
  stale: 'The delivery is more than five minutes old, or the clocks differ by as much',
};

/**
 * POST /v1/webhooks/mlflow. What a delivery says does not matter, only that it comes from who knows the secret: the registry is asked
 * what is true.
 */
export function webhookRoutes(app: FastifyInstance, { mlflowWebhook, responder, clock }: WebhookRouteParts): void {
  app.post('/v1/webhooks/mlflow', {
    bodyLimit,
    onRequest: (request, _reply, done) => done(checkBodyHeaders(request.headers)),
    handler: (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const fault = signatureFault(mlflowWebhook.secret, { headers: request.headers, body, nowMs: clock.now() });
      if (fault !== undefined)
        return responder.error(request, reply, new ServiceError('UNAUTHORIZED', refusals[fault]));
      mlflowWebhook.refresh();
      responder.send(request, reply, jsonReply({ status: 'accepted' }, 202));
    },
  });
}
