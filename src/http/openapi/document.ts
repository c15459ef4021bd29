import type { HttpOptions } from '../options.js';
import { catalogueSchemas } from '../schemas/catalogue.js';
import { errorSchemas } from '../schemas/error.js';
import { healthSchemas } from '../schemas/health.js';
import { openInferenceSchemas } from '../schemas/open-inference.js';
import { predictionSchemas } from '../schemas/prediction.js';
import { webhookSchemas } from '../schemas/webhooks.js';
import { errorReplyComponents } from './error-replies.js';
import { headerComponents, parameterComponents, timeoutParameter } from './headers.js';
import { openInferencePaths, openInferenceTag } from './open-inference-operations.js';
import { cataloguePaths, operationPaths, predictionPaths } from './operations.js';
import { webhookPaths } from './webhook-operations.js';

export interface OpenApiParts {
  readonly version: string;
  readonly options: HttpOptions;
  /** There is a path for MLflow's webhook. */
  readonly mlflowWebhook: boolean;
}

/**
 * The OpenAPI 3.0.3 document of the API. Built from the wire schemas alone: the routes answer with prepared text, so no schema
 * costs anything when a request is served. The contract tests hold real replies against it.
 */
export function openApiDocument({ version, options, mlflowWebhook }: OpenApiParts): object {
  const document = {
    openapi: '3.0.3',
    info: {
      title: 'Inference Service',
      version,
      description: 'Predictions from trained models: validated, fast, observed, recorded.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'predictions', description: 'Ask models.' },
      { name: 'models', description: 'What is served.' },
      { name: 'operation', description: 'Probes and metrics.' },
      ...(options.open_inference ? [openInferenceTag] : []),
    ],
    paths: {
      ...predictionPaths,
      ...cataloguePaths,
      ...(mlflowWebhook && webhookPaths),
      ...operationPaths,
      ...(options.open_inference && openInferencePaths),
    },
    components: {
      schemas: {
        ...predictionSchemas(options),
        ...errorSchemas,
        ...catalogueSchemas,
        ...(mlflowWebhook && webhookSchemas),
        ...healthSchemas,
        ...(options.open_inference && openInferenceSchemas),
      },
      responses: errorReplyComponents(),
      headers: headerComponents,
      parameters: { ...parameterComponents, timeout: timeoutParameter(options.max_timeout_ms) },
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key.' },
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a JWT of the configured issuer.' },
      },
    },
  };
  // Leaves out what TypeBox keeps on its schemas for itself.
  return JSON.parse(JSON.stringify(document)) as object;
}
