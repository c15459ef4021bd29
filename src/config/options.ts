import { Type } from '@sinclair/typebox';

const oneOf = <const T extends string>(values: readonly T[], rest: { default: T; description: string }) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], ...rest });

export const environments = ['development', 'staging', 'production'] as const;

export const environmentOption = oneOf(environments, {
  default: 'development',
  description: 'Environment name; chooses config/<environment>.yaml.',
});

/** Settings of the process as a whole; the parts' own settings are in their `options.ts`. */
export const processOptions = {
  host: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address to listen on. One that others can reach needs auth.mode required, or auth.allow_anonymous.',
  }),
  port: Type.Integer({
    default: 8000,
    minimum: 0,
    maximum: 65_535,
    description: 'Port to listen on; 0 takes a free one.',
  }),
  workers: Type.Integer({ default: 1, minimum: 1, maximum: 256, description: 'Processes that share the port.' }),
  timeout_seconds: Type.Number({
    default: 5,
    minimum: 0.1,
    maximum: 600,
    description: 'Time allowed for a prediction whose caller names none; at most http.max_timeout_ms.',
  }),
  log_level: oneOf(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'], {
    default: 'INFO',
    description: 'Least important log line that is written. Variables and flags may spell it in lower case.',
  }),
  data: Type.String({
    default: 'data',
    minLength: 1,
    description: 'Folder of all embedded state (features, keys, events, journal); nothing is written elsewhere.',
  }),
};

export const modelServerOptions = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        description: 'Model server that speaks the Open Inference Protocol. Unset: models run in process.',
      }),
    ),
    timeout_ms: Type.Integer({
      default: 4000,
      minimum: 1,
      maximum: 600_000,
      description: 'Time limit of one attempt, within the deadline of the prediction.',
    }),
    circuit_breaker: Type.Object(
      {
        failure_threshold: Type.Number({
          default: 0.5,
          exclusiveMinimum: 0,
          maximum: 1,
          description: 'Share of failed calls that opens the breaker.',
        }),
        recovery_timeout_seconds: Type.Number({
          default: 60,
          minimum: 0.1,
          maximum: 3600,
          description: 'How long the breaker stays open before a call may try again.',
        }),
      },
      { description: 'When calls to the model server are stopped.' },
    ),
  },
  { description: 'Remote model server.' },
);

export const mlflowOptions = Type.Object(
  { tracking_uri: Type.Optional(Type.String({ description: 'MLflow tracking server whose registry is searched.' })) },
  { description: 'MLflow model registry.' },
);

export const redisOptions = Type.Object(
  {
    host: Type.Optional(Type.String({ minLength: 1, description: 'Redis host. Unset: the cache is in memory.' })),
    port: Type.Integer({ default: 6379, minimum: 1, maximum: 65_535, description: 'Redis port.' }),
    password: Type.Optional(Type.String({ description: 'Redis password.' })),
  },
  { description: 'Redis: feature cache and rate limits of several instances.' },
);

export const databaseOptions = Type.Object(
  {
    url: Type.Optional(
      Type.String({ description: 'postgres://… of the feature and key store. Unset: SQLite in the data folder.' }),
    ),
  },
  { description: 'PostgreSQL: features and keys of several instances.' },
);
