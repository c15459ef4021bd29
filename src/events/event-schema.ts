import { Type, type Static } from '@sinclair/typebox';
import { errorCodes, type ErrorCode } from '../shared/errors.js';

export const eventType = 'inference.prediction.v1';
/** Names the schema below in each event; changes only with `eventType`. */
export const eventDataSchema = `urn:inference-service:${eventType}`;

const closed = { additionalProperties: false } as const;
const nullable = (type: 'string' | 'number', description: string) =>
  Type.Unsafe<string | number | null>({ type: [type, 'null'], description });
const choice = <T extends string>(values: readonly T[], description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], description });
const milliseconds = (description: string) => Type.Number({ minimum: 0, description });

const origin = Type.Object(
  {
    origin: choice(['cache', 'store', 'default'], 'Where the value came from.'),
    age_seconds: Type.Optional(nullable('number', 'Age of the stored row; null where it has no timestamp.')),
  },
  closed,
);

const data = Type.Object(
  {
    event_id: Type.String({ description: 'Unique to the event; equals the CloudEvents id.' }),
    request_id: Type.String({ description: 'X-Request-Id of the HTTP request; shared by all rows of a batch.' }),
    batch_index: Type.Optional(Type.Integer({ minimum: 0, description: 'Row of the batch.' })),
    timestamp: Type.String({ description: 'When the request arrived (RFC 3339, UTC).' }),
    model_id: nullable('string', 'null when the request did not get as far as naming a model.'),
    model_version: nullable('string', 'null when no version was resolved.'),
    status: choice(['success', 'error'], 'Whether there was a prediction.'),
    error_code: Type.Unsafe<ErrorCode | null>({
      enum: [...Object.keys(errorCodes), null],
      description: 'null on success.',
    }),
    features: Type.Record(Type.String(), Type.Unknown(), {
      description:
        'What went into the model, by feature name: scalars or arrays. A personal value is its HMAC-SHA-256 in hex, or absent without `events.pii_key`.',
    }),
    feature_origins: Type.Optional(
      Type.Record(Type.String(), origin, { description: 'Of the features that the request did not give.' }),
    ),
    personal_features: Type.Optional(
      Type.Array(Type.String(), { description: 'Features whose values are personal data and not shown.' }),
    ),
    entities: Type.Record(Type.String(), Type.Unsafe<string | number>({ type: ['string', 'number'] }), {
      description: 'Entity keys by entity name. Personal ones are HMAC-SHA-256 in hex, or absent without a key.',
    }),
    prediction: Type.Unsafe<Record<string, unknown> | null>({
      type: ['object', 'null'],
      description: 'null on error.',
    }),
    confidence: nullable('number', '0…1; null where there is none.'),
    latency_ms: milliseconds('From arrival to reply.'),
    tensors: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ description: "The model's own name of the input." }),
            datatype: Type.String({ description: 'Datatype of the Open Inference Protocol.' }),
            shape: Type.Array(Type.Integer({ minimum: 0 }), { description: 'Dimensions; the first are the rows.' }),
          },
          closed,
        ),
        { description: 'Inputs of a call by the Open Inference Protocol: their shapes, never their values.' },
      ),
    ),
    stages_ms: Type.Record(Type.String(), Type.Number({ minimum: 0 }), { description: 'Time spent in each stage.' }),
    cache_hit: Type.Boolean({ description: 'All stored values came from the cache, and there was at least one.' }),
    client_id: nullable('string', 'Label or subject of the caller; null when anonymous.'),
    environment: Type.String({ description: 'ENVIRONMENT of the service.' }),
    traceparent: Type.Optional(Type.String({ description: 'W3C trace context of the request.' })),
  },
  closed,
);

/** JSON Schema (draft 2020-12) of one event, published as docs/event.schema.json. */
export const eventSchema = Type.Object(
  {
    specversion: choice(['1.0'], 'CloudEvents version.'),
    id: Type.String({ minLength: 1, description: 'Unique: drop repeats by it (delivery is at least once).' }),
    source: Type.String({ minLength: 1, description: '`events.source`.' }),
    type: choice([eventType], 'Kind and version of the event.'),
    time: Type.String({ description: 'Equals data.timestamp.' }),
    subject: Type.Optional(Type.String({ description: 'The model id.' })),
    datacontenttype: choice(['application/json'], 'Always JSON.'),
    dataschema: choice([eventDataSchema], 'Names this schema.'),
    traceparent: Type.Optional(Type.String({ description: 'CloudEvents distributed tracing extension.' })),
    data,
  },
  {
    ...closed,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: eventDataSchema,
    title: 'Prediction event',
    description: 'What happened in one prediction: a CloudEvents 1.0 event in structured JSON mode.',
  },
);
export type PredictionEvent = Static<typeof eventSchema>;
