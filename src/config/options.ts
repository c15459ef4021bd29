import { Type, type TString } from '@sinclair/typebox';
import { sslModes, type SslMode } from '../shared/postgres/address.js';

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
        description:
          'http(s)://host:port of a server that speaks the Open Inference Protocol: serves the models that the folder has not. Unset: models run in process.',
      }),
    ),
    models: Type.Array(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' }), {
      default: [],
      description: 'Models of that server to serve. Empty: all that its repository index lists as ready.',
    }),
    api_key: Type.Optional(Type.String({ description: 'Sent to that server as X-API-Key.' })),
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

const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$';
const map = (keyPattern: string, value: TString, description: string) =>
  Type.Record(Type.String({ pattern: keyPattern }), value, { default: {}, additionalProperties: false, description });

export const mlflowOptions = Type.Object(
  {
    tracking_uri: Type.Optional(
      Type.String({ description: 'http(s)://host:port of the MLflow tracking server whose registry is searched.' }),
    ),
    username: Type.Optional(Type.String({ minLength: 1, description: 'User there. Unset: nobody in particular.' })),
    password: Type.Optional(Type.String({ description: "That user's password." })),
    token: Type.Optional(Type.String({ minLength: 1, description: 'Bearer token, in place of user and password.' })),
    include: Type.Array(Type.String({ pattern: namePattern }), {
      default: [],
      description: 'Models of the registry to serve, by model_id. Empty: all.',
    }),
    models: map(
      namePattern,
      Type.String({ minLength: 1, maxLength: 256 }),
      'model_id to registered name, for names that are no model_id or should be another.',
    ),
    versions: Type.Integer({
      default: 3,
      minimum: 1,
      maximum: 100,
      description: 'So many of the highest versions of a model are served, beside those that aliases and stages name.',
    }),
    production_alias: Type.String({
      default: 'production',
      minLength: 1,
      maxLength: 128,
      description:
        'Alias there that answers requests without model_version: champion, say. An alias production goes before it, the stage Production after it.',
    }),
    poll_interval_ms: Type.Integer({
      default: 2000,
      minimum: 500,
      maximum: 3_600_000,
      description: 'How often each process asks the registry what changed; a webhook makes it ask at once.',
    }),
    timeout_ms: Type.Integer({
      default: 5000,
      minimum: 100,
      maximum: 600_000,
      description: 'Time limit of one question to the registry.',
    }),
    max_version_bytes: Type.Integer({
      default: 1_073_741_824,
      minimum: 1024,
      description: 'Largest version that is fetched, all its files together.',
    }),
    download_timeout_seconds: Type.Number({
      default: 600,
      minimum: 1,
      maximum: 86_400,
      description: 'Time that fetching one version may take.',
    }),
    scoring_urls: map(
      '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[1-9][0-9]{0,8})?$',
      Type.String({ pattern: '^https?://' }),
      'Scoring servers (`mlflow models serve`) of models that are not ONNX: <model_id>/<version> to its URL, or <model_id> to a URL with {version} in it.',
    ),
    webhook_secret: Type.Optional(
      Type.String({
        minLength: 8,
        description: 'Secret of the webhook whose calls POST /v1/webhooks/mlflow takes. Unset: there is no such path.',
      }),
    ),
  },
  { description: 'MLflow model registry.' },
);

const addresses = (description: string) =>
  Type.Array(Type.String({ pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:]+):[0-9]{1,5}$' }), { default: [], description });

export const redisOptions = Type.Object(
  {
    host: Type.Optional(Type.String({ minLength: 1, description: 'Redis host. Unset: the cache is in memory.' })),
    port: Type.Integer({ default: 6379, minimum: 1, maximum: 65_535, description: 'Redis port.' }),
    username: Type.Optional(Type.String({ minLength: 1, description: 'ACL user. Unset: the default user.' })),
    password: Type.Optional(Type.String({ description: 'Redis password.' })),
    db: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1023,
      description: 'Number of the database; a cluster has 0 only.',
    }),
    tls: Type.Object(
      {
        enabled: Type.Boolean({ default: false, description: 'Speak TLS to Redis, and to its sentinels.' }),
        ca_file: Type.Optional(
          Type.String({
            description: "PEM file of the authority that Redis's certificate is checked against. Unset: the system's.",
          }),
        ),
      },
      { description: 'TLS to Redis.' },
    ),
    sentinels: addresses('host:port of each Redis Sentinel, instead of host and port.'),
    sentinel_name: Type.String({
      default: 'mymaster',
      minLength: 1,
      description: 'Name of the master that the sentinels watch.',
    }),
    sentinel_password: Type.Optional(Type.String({ description: 'Password of the sentinels.' })),
    cluster_nodes: addresses(
      'host:port of some nodes of a Redis Cluster, instead of host and port; the others are found.',
    ),
    key_prefix: Type.String({
      default: 'inference:',
      pattern: '^[A-Za-z0-9._:-]{0,64}$',
      description: 'Begins every key. Services that share a Redis but not a feature store need different ones.',
    }),
    command_timeout_ms: Type.Integer({
      default: 15,
      minimum: 1,
      maximum: 10_000,
      description:
        'Longest time that one call may take; then the feature store answers, and this process decides on limits.',
    }),
    connect_timeout_ms: Type.Integer({
      default: 1000,
      minimum: 50,
      maximum: 60_000,
      description: 'Longest time for connecting; also for a silence after which a connection is given up.',
    }),
  },
  { description: 'Redis: feature cache and rate limits of several instances.' },
);

export const databaseOptions = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        description:
          'postgres://USER:PASSWORD@HOST:PORT/DATABASE of the feature and key store. Unset: SQLite in the data folder.',
      }),
    ),
    schema: Type.String({
      default: 'inference',
      pattern: '^[a-z_][a-z0-9_]{0,62}$',
      description: "Schema of the program's own tables, made by `database migrate`. Feature tables may be anywhere.",
    }),
    pool_size: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 1000,
      description: 'Most connections of a process that read features at once; one more asks for changes.',
    }),
    connect_timeout_ms: Type.Integer({
      default: 1000,
      minimum: 50,
      maximum: 60_000,
      description: 'Longest time for connecting, encryption and login included.',
    }),
    query_timeout_ms: Type.Integer({
      default: 1000,
      minimum: 10,
      maximum: 600_000,
      description:
        'Longest time for one statement, within the deadline of the prediction; also its statement_timeout on the server. Beyond it the store counts as out of reach.',
    }),
    idle_timeout_seconds: Type.Number({
      default: 60,
      minimum: 1,
      maximum: 86_400,
      description: 'An unused connection is closed after this, all but one.',
    }),
    ssl: Type.Object(
      {
        mode: Type.Optional(
          Type.Unsafe<SslMode>({
            type: 'string',
            enum: [...sslModes],
            description:
              'disable; require: encrypt; verify-full: also check certificate and name. Unset: as the sslmode of the URL says, else disable.',
          }),
        ),
        ca_file: Type.Optional(
          Type.String({
            description: "PEM file of the authority that signs the server's certificate. Unset: the system's.",
          }),
        ),
      },
      { description: 'TLS to PostgreSQL.' },
    ),
  },
  { description: 'PostgreSQL: features and keys of several instances.' },
);
