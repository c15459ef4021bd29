import { Type, type Static } from '@sinclair/typebox';

export const authOptions = Type.Object(
  {
    mode: Type.Unsafe<'none' | 'required'>({
      type: 'string',
      enum: ['none', 'required'],
      default: 'none',
      description: 'required: every call but /health and /ready needs a key or a token.',
    }),
    allow_anonymous: Type.Boolean({
      default: false,
      description: 'Says that mode none on an address that others can reach is meant.',
    }),
    keys_file: Type.Optional(
      Type.String({
        description:
          'Declared API keys: YAML list of {label, sha256, scopes, expires_at?, requests_per_minute?}; read again when it changes.',
      }),
    ),
    failed_attempts_per_minute: Type.Integer({
      default: 20,
      minimum: 1,
      maximum: 10_000,
      description: 'Failed tries of one address a minute; further failing tries get 429.',
    }),
    metrics: Type.Unsafe<'open' | 'protected'>({
      type: 'string',
      enum: ['open', 'protected'],
      default: 'open',
      description: 'protected: /metrics needs the scope metrics:read.',
    }),
    jwt: Type.Optional(
      Type.Object(
        {
          issuer: Type.String({ description: 'Required `iss`.' }),
          audience: Type.String({ description: 'Required `aud`.' }),
          jwks_url: Type.String({ description: 'Where the issuer publishes its keys.' }),
          algorithms: Type.Array(Type.String(), {
            default: ['RS256', 'ES256'],
            minItems: 1,
            description: 'Signature algorithms that are accepted; never none or HS*.',
          }),
          cooldown_seconds: Type.Number({
            default: 30,
            minimum: 1,
            description: 'Least time between two fetches of the keys.',
          }),
          stale_if_error_seconds: Type.Number({
            default: 86_400,
            minimum: 0,
            description: 'How long known keys still verify while the issuer is out of reach.',
          }),
        },
        { additionalProperties: false, description: 'JWT bearer tokens.' },
      ),
    ),
  },
  { description: 'Who may call.' },
);
export type AuthOptions = Static<typeof authOptions>;

export const rateLimitOptions = Type.Object(
  {
    enabled: Type.Boolean({ default: false, description: 'Limit requests a caller.' }),
    requests_per_minute: Type.Integer({
      default: 100,
      minimum: 1,
      maximum: 10_000_000,
      description: 'In any 60 s window at most this many, over all workers, and with Redis over all instances.',
    }),
    replicas: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 10_000,
      description: 'Instances of the service. While Redis is out of reach each lets its share of a limit pass.',
    }),
    count_batch_instances: Type.Boolean({
      default: false,
      description: 'A batch counts as its instances instead of one.',
    }),
  },
  { description: 'How often a caller may call.' },
);
export type RateLimitOptions = Static<typeof rateLimitOptions>;
