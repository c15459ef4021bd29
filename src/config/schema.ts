import { Type, type Static } from '@sinclair/typebox';
import { authOptions, rateLimitOptions } from '../access/options.js';
import { eventsOptions, eventStreamOptions, kafkaOptions } from '../events/options.js';
import { cacheOptions, featuresOptions } from '../features/options.js';
import { grpcOptions } from '../grpc/options.js';
import { httpOptions, tlsOptions } from '../http/options.js';
import { modelsOptions } from '../models/options.js';
import { tracingOptions } from '../observability/options.js';
import {
  databaseOptions,
  environmentOption,
  mlflowOptions,
  modelServerOptions,
  processOptions,
  redisOptions,
} from './options.js';

/** The whole configuration: types, defaults, checks and documentation are all derived from here. */
export const configSchema = Type.Object({
  environment: environmentOption,
  inference_service: Type.Object({
    ...processOptions,
    models: modelsOptions,
    features: featuresOptions,
    cache: cacheOptions,
    model_server: modelServerOptions,
    event_stream: eventStreamOptions,
    events: eventsOptions,
    auth: authOptions,
    rate_limit: rateLimitOptions,
    http: httpOptions,
    grpc: grpcOptions,
    tls: tlsOptions,
    tracing: tracingOptions,
    mlflow: mlflowOptions,
    redis: redisOptions,
    database: databaseOptions,
    kafka: kafkaOptions,
  }),
});

type Frozen<T> = T extends readonly unknown[] ? T : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** The configuration in force. Deeply frozen, lists too, though their types are those that the parts declare. */
export type Config = Frozen<Static<typeof configSchema>>;

/** Variables that the specification names, or the engine's own clients read, and the keys that they set. */
export const namedVariables: Readonly<Record<string, string>> = {
  ENVIRONMENT: 'environment',
  REDIS_HOST: 'inference_service.redis.host',
  REDIS_PORT: 'inference_service.redis.port',
  REDIS_PASSWORD: 'inference_service.redis.password',
  KAFKA_BOOTSTRAP_SERVERS: 'inference_service.kafka.bootstrap_servers',
  MLFLOW_TRACKING_URI: 'inference_service.mlflow.tracking_uri',
  MLFLOW_TRACKING_USERNAME: 'inference_service.mlflow.username',
  MLFLOW_TRACKING_PASSWORD: 'inference_service.mlflow.password',
  MLFLOW_TRACKING_TOKEN: 'inference_service.mlflow.token',
  DATABASE_URL: 'inference_service.database.url',
};

/** Keys whose values are never shown. URLs elsewhere are shown without the password in them. */
export const secretKeys: ReadonlySet<string> = new Set([
  'inference_service.events.pii_key',
  'inference_service.model_server.api_key',
  'inference_service.mlflow.password',
  'inference_service.mlflow.token',
  'inference_service.mlflow.webhook_secret',
  'inference_service.redis.password',
  'inference_service.redis.sentinel_password',
  'inference_service.database.url',
  'inference_service.kafka.sasl.password',
]);
