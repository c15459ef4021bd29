import { Type, type Static } from '@sinclair/typebox';

export const featuresOptions = Type.Object(
  {
    file: Type.String({
      default: 'features.yaml',
      description: 'Feature views, beside the models. An absent file means no stored features.',
    }),
    seed_directory: Type.Optional(
      Type.String({
        description:
          'Folder of <view>.csv files that are imported at start into views whose table does not exist yet (embedded store).',
      }),
    ),
    store_max_concurrency: Type.Integer({
      default: 32,
      minimum: 1,
      maximum: 1000,
      description: 'Reads of the feature store that may run at once in a process; more wait until their deadline.',
    }),
    negative_ttl_seconds: Type.Number({
      default: 5,
      minimum: 0,
      maximum: 3600,
      description: 'How long an absent row is remembered as absent.',
    }),
  },
  { description: 'Stored features.' },
);
export type FeaturesOptions = Static<typeof featuresOptions>;

export const cacheOptions = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: 'Keep rows that were read from the feature store.' }),
    ttl_seconds: Type.Number({
      default: 300,
      minimum: 0.001,
      maximum: 86_400,
      description: 'How long a row is kept; never beyond the max_age_seconds of its view.',
    }),
    max_retries: Type.Integer({
      default: 2,
      minimum: 0,
      maximum: 10,
      description: 'Further tries of a failed cache call, within its time limit (Redis).',
    }),
    max_bytes: Type.Integer({
      default: 268_435_456,
      minimum: 1_048_576,
      description: 'Memory for cached rows in a process; the oldest unused are dropped beyond it.',
    }),
  },
  { description: 'Feature cache.' },
);
export type CacheOptions = Static<typeof cacheOptions>;
