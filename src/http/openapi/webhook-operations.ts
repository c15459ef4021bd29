import { errorReplies } from './error-replies.js';
import { headerParameters, replyHeaders } from './headers.js';

const json = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } });

const signed = (name: string, description: string, schema: object = { type: 'string' }) => ({
  ...{ name, in: 'header', required: true, description, schema },
});

/** As MLflow delivers (mlflow/webhooks/delivery.py). */
const delivery = [
  signed('X-MLflow-Delivery-Id', 'The id of the delivery.'),
  signed('X-MLflow-Timestamp', 'Unix time in seconds, at most five minutes from ours.', {
    type: 'string',
    pattern: '^[0-9]{1,12}$',
  }),
  signed(
    'X-MLflow-Signature',
    '`v1,` and the Base64 of HMAC-SHA256 over `<delivery id>.<timestamp>.<body>` with the secret; several between spaces.',
  ),
];

export const webhookPaths = {
  '/v1/webhooks/mlflow': {
    post: {
      operationId: 'mlflowChanged',
      summary: 'MLflow tells that its registry has changed',
      description:
        'Has the registry asked at once. It takes no key: deliveries are signed with `mlflow.webhook_secret`. At most 64 KiB.',
      tags: ['models'],
      security: [],
      parameters: [...delivery, ...headerParameters(['requestId', 'traceparent'])],
      requestBody: { required: true, content: json('MlflowDelivery') },
      responses: {
        202: { description: 'The registry is being asked.', headers: replyHeaders, content: json('Accepted') },
        ...errorReplies([400, 401, 404, 405, 413, 415, 500]),
      },
    },
  },
};
