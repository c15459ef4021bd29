import { errorStatus } from '../error-status.js';
import { batchExample, predictionExamples } from '../schemas/examples.js';
import { errorReplies } from './error-replies.js';
import { headerParameters, rateLimitHeaders, replyHeaders } from './headers.js';

const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ 'application/json': { schema: schema(name) } });
const ok = (description: string, content: object, headers: object = replyHeaders) => ({
  200: { description, headers, content },
});
const secured = [{ apiKey: [] }, { bearer: [] }, {}];
const tracing = ['requestId', 'traceparent'] as const;

const predictionErrors = errorReplies(Object.values(errorStatus));
const catalogueErrors = errorReplies([400, 401, 403, 404, 405, 429, 500]);
const probeErrors = errorReplies([400, 405, 500]);

interface PredictionOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly body: object;
  readonly reply: object;
}

const predictionOperation = ({ operationId, summary, description, body, reply }: PredictionOperation) => ({
  post: {
    operationId,
    summary,
    description,
    tags: ['predictions'],
    security: secured,
    parameters: headerParameters([...tracing, 'timeout']),
    requestBody: { required: true, content: { 'application/json': body } },
    responses: { ...ok('Predicted.', reply, { ...replyHeaders, ...rateLimitHeaders }), ...predictionErrors },
  },
});

export const predictionPaths = {
  '/v1/predict': predictionOperation({
    operationId: 'predict',
    summary: 'One prediction',
    description:
      'Takes plain features, or an entity whose stored features are looked up, or both: a feature in the request wins.',
    body: { schema: schema('PredictionRequest'), examples: predictionExamples },
    reply: json('PredictionReply'),
  }),
  '/v1/predict/batch': predictionOperation({
    operationId: 'predictBatch',
    summary: 'Predictions for many instances',
    description:
      'One version answers for all. 200 even where instances failed: each result has its prediction or its error.',
    body: { schema: schema('BatchRequest'), example: batchExample },
    reply: json('BatchReply'),
  }),
};

const pathParameter = (name: string, example: string) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string', minLength: 1 },
  example,
});

const catalogueOperation = (
  operationId: string,
  summary: string,
  { reply, path }: { reply: string; path: readonly object[] },
) => ({
  get: {
    operationId,
    summary,
    tags: ['models'],
    security: secured,
    parameters: [...path, ...headerParameters(tracing)],
    responses: { ...ok('Found.', json(reply), { ...replyHeaders, ...rateLimitHeaders }), ...catalogueErrors },
  },
});

const modelParameter = pathParameter('model_id', 'mortgage_denial');
const versionParameter = pathParameter('version', '1.1.0');

export const cataloguePaths = {
  '/v1/models': catalogueOperation('listModels', 'The models that the caller may see', {
    reply: 'ModelList',
    path: [],
  }),
  '/v1/models/{model_id}': catalogueOperation('getModel', 'One model: versions, aliases, states, feature schemas', {
    reply: 'Model',
    path: [modelParameter],
  }),
  '/v1/models/{model_id}/versions/{version}': catalogueOperation('getModelVersion', 'One version', {
    reply: 'ModelVersionReply',
    path: [modelParameter, versionParameter],
  }),
};

const probe = (operationId: string, summary: string, responses: object) => ({
  get: { operationId, summary, tags: ['operation'], security: [], parameters: headerParameters(tracing), responses },
});

const readyReply = ok('Takes traffic; `degraded` when some models failed.', json('Readiness'));
const notReady = {
  description: 'Takes no traffic.',
  headers: { ...replyHeaders, 'Retry-After': { $ref: '#/components/headers/Retry-After' } },
};
const textContent = { 'text/plain': { schema: { type: 'string' } } };
const metricsContent = { ...textContent, 'application/openmetrics-text': { schema: { type: 'string' } } };

export const operationPaths = {
  '/health': probe('health', 'Liveness', { ...ok('The process lives.', json('Health')), ...probeErrors }),
  '/ready': probe('ready', 'Readiness', {
    ...readyReply,
    503: { ...notReady, content: json('Readiness') },
    ...probeErrors,
  }),
  '/metrics': {
    get: {
      operationId: 'metrics',
      summary: 'Prometheus metrics',
      tags: ['operation'],
      security: secured,
      parameters: headerParameters(tracing),
      responses: {
        ...ok('Text of a scrape.', metricsContent),
        ...errorReplies([400, 401, 403, 405, 429, 500]),
      },
    },
  },
};
