import { Type } from '@sinclair/typebox';
import type { HttpOptions } from '../options.js';
import { confidence, enumeration, latencyMs, mapOf, modelId, ref, requestId, timestamp } from './schema-parts.js';

const strict = { additionalProperties: false };

const modelVersion = Type.String({
  pattern: '^(@[a-z][a-z0-9_-]{0,63}|[A-Za-z0-9][A-Za-z0-9.+_-]{0,127})$',
  description:
    'A version or `@alias`. Without it the alias `production` answers; without that alias, the highest version that is ready.',
  example: '1.1.0',
});
const servedVersion = Type.String({ description: 'The version that answered.', example: '1.1.0' });
const features = mapOf(ref('FeatureValue'), {
  description:
    'Feature values by name; GET /v1/models/{model_id} has their schema. Nothing is coerced, unknown names are refused.',
});
/** Each alternative is nullable: in OpenAPI 3.0.3 `nullable` means something only beside `type`. */
const featureValue = Type.Unsafe({
  anyOf: [
    { type: 'number', nullable: true },
    { type: 'string', nullable: true },
    { type: 'boolean', nullable: true },
    { type: 'array', nullable: true, items: ref('FeatureValue') },
  ],
  description: 'A scalar, or nested arrays of scalars for a feature with a shape; null only where the model allows it.',
});
const entityKey = Type.Unsafe({
  anyOf: [
    { type: 'string', minLength: 1, maxLength: 256 },
    { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
  ],
});
const entities = mapOf(entityKey, {
  description: 'Keys by entity name; stored features are looked up by them.',
  example: { applicant_id: 'A-17' },
});
const prediction = mapOf(undefined, {
  description: 'What the model says, in the form that its manifest gives it.',
  example: { denial_probability: 0.07, risk_score: 7 },
});
const warnings = Type.Array(ref('Warning'), { description: 'Present only when there are any.' });
const explanation = Type.Unsafe<object>({
  allOf: [ref('Explanation')],
  description: 'Present where it was asked for and could be given; else a warning says why not.',
});
const cached = Type.Boolean({
  description: 'At least one value came from a stored row, and all such values from the cache.',
});

const requestOptions = ({ max_timeout_ms }: HttpOptions) =>
  Type.Object(
    {
      timeout_ms: Type.Optional(
        Type.Integer({
          minimum: 100,
          maximum: max_timeout_ms,
          description: 'Time budget; the smaller of this and X-Request-Timeout-Ms holds.',
        }),
      ),
      include_explanation: Type.Optional(Type.Boolean({ default: false })),
      enable_cache: Type.Optional(
        Type.Boolean({ default: true, description: 'false: do not read the feature cache.' }),
      ),
    },
    strict,
  );

const explanationSchema = Type.Object(
  {
    method: enumeration(['tree_path_dependent', 'tree_interventional', 'linear', 'sampling']),
    output: Type.String({ description: 'The class or output whose score is explained.', example: 'denied' }),
    scale: enumeration(['log_odds', 'probability', 'value']),
    base_value: Type.Number({
      description: 'The score that is expected when nothing is known of the row.',
      example: -2.1,
    }),
    contributions: Type.Array(ref('Contribution'), { description: 'Largest magnitude first.' }),
  },
  { description: "Shapley values of the model's raw score: base_value and the contributions add up to it." },
);
const contributionSchema = Type.Object({
  feature: Type.String({
    description: 'As the caller knows it. All columns that the model sees of it are summed; an array feature is one.',
    example: 'debt_to_income',
  }),
  origin: enumeration(['request', 'cache', 'store', 'default']),
  contribution: Type.Number({ example: 0.42 }),
  standard_error: Type.Optional(Type.Number({ description: 'Of an estimate; exact values have none.' })),
});

const singleSchemas = (options: HttpOptions) => ({
  FeatureValue: featureValue,
  PredictionOptions: requestOptions(options),
  PredictionRequest: Type.Object(
    {
      model_id: modelId,
      model_version: Type.Optional(modelVersion),
      features: Type.Optional(features),
      entities: Type.Optional(entities),
      options: Type.Optional(ref('PredictionOptions')),
    },
    strict,
  ),
  PredictionReply: Type.Object({
    request_id: requestId,
    model_id: modelId,
    model_version: servedVersion,
    prediction,
    confidence,
    latency_ms: latencyMs,
    timestamp,
    cached,
    explanation: Type.Optional(explanation),
    warnings: Type.Optional(warnings),
  }),
  Explanation: explanationSchema,
  Contribution: contributionSchema,
  Warning: Type.Object({
    code: Type.String({ example: 'stale_value' }),
    message: Type.String(),
    feature: Type.Optional(Type.String()),
  }),
});

const batchSchemas = (options: HttpOptions) => ({
  BatchInstance: Type.Object({ features: Type.Optional(features), entities: Type.Optional(entities) }, strict),
  BatchRequest: Type.Object(
    {
      model_id: modelId,
      model_version: Type.Optional(modelVersion),
      instances: Type.Array(ref('BatchInstance'), { minItems: 1, maxItems: options.max_batch_instances }),
      options: Type.Optional(ref('PredictionOptions')),
    },
    strict,
  ),
  BatchRow: Type.Object({
    index: Type.Integer({ minimum: 0 }),
    prediction,
    confidence,
    cached,
    explanation: Type.Optional(explanation),
    warnings: Type.Optional(warnings),
  }),
  BatchRowError: Type.Object({ index: Type.Integer({ minimum: 0 }), error: ref('RowError') }),
  BatchReply: Type.Object({
    request_id: requestId,
    model_id: modelId,
    model_version: servedVersion,
    results: Type.Array(Type.Unsafe({ oneOf: [ref('BatchRow'), ref('BatchRowError')] }), {
      description: 'One for each instance, in order: a wrong instance does not fail its neighbours.',
    }),
    latency_ms: latencyMs,
    timestamp,
  }),
});

/** The schemas of both prediction routes, whose bounds come from the settings. */
export const predictionSchemas = (options: HttpOptions) => ({ ...singleSchemas(options), ...batchSchemas(options) });
