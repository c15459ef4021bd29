import { Type, type Static } from '@sinclair/typebox';
import { featureTypes } from '../shared/feature-value.js';

const namePattern = '^[A-Za-z][A-Za-z0-9_-]{0,127}$';
const columnPattern = '^[^\\u0000-\\u001f"]{1,128}$';
const tablePattern = '^[^\\u0000-\\u001f".]{1,63}(\\.[^\\u0000-\\u001f".]{1,63})?$';

const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description });

const column = (description: string) => Type.String({ pattern: columnPattern, description });

const featureViewSchema = Type.Object(
  {
    entity: Type.String({
      pattern: namePattern,
      description: 'Name under which a request gives the key, in `entities`.',
    }),
    table: Type.String({ pattern: tablePattern, description: '`table` or `schema.table`.' }),
    key: column('Column that holds the entity key; must be unique.'),
    timestamp: Type.Optional(
      column('Column that says when a row was updated: timestamptz, ISO 8601 with offset, or epoch seconds.'),
    ),
    max_age_seconds: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Rows older than this are stale. Needs `timestamp`.' }),
    ),
    on_missing: Type.Optional(
      oneOf(['fail', 'default'], 'Row absent, value NULL or not fit for the model. Default: fail.'),
    ),
    on_stale: Type.Optional(oneOf(['fail', 'default', 'serve'], 'Row older than `max_age_seconds`. Default: fail.')),
    on_unavailable: Type.Optional(oneOf(['fail', 'default'], 'The store cannot be reached. Default: fail.')),
    pii: Type.Optional(Type.Boolean({ description: 'The entity key is personal data. Default: false.' })),
    features: Type.Record(Type.String({ pattern: columnPattern }), oneOf(featureTypes, 'Type of the column.'), {
      minProperties: 1,
      additionalProperties: false,
      description: 'Columns that models may use, and their types.',
    }),
  },
  { additionalProperties: false },
);

/** One view as features.yaml writes it. */
export type FeatureViewDefinition = Static<typeof featureViewSchema>;

/** features.yaml: feature views by name. */
export const featureViewsSchema = Type.Record(Type.String({ pattern: namePattern }), featureViewSchema, {
  additionalProperties: false,
  description: 'Feature views by name: where the stored features of an entity are, and what to do when they are not.',
});
