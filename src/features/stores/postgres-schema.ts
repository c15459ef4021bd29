/**
 * Migrations of the feature store's own table: one row a table of features, whose version grows with every import into it, in the
 * same transaction. Other programs that write features may count here too. `schema` is quoted.
 */
export const featureMigrations = [
  {
    version: 1,
    name: 'feature data versions',
    sql: (schema: string) => `
      CREATE TABLE ${schema}.feature_data_versions (
        table_name text PRIMARY KEY,
        version bigint NOT NULL,
        changed_at timestamptz NOT NULL
      )`,
  },
] as const;

export function dataVersionSql(schema: string): string {
  return `SELECT coalesce(sum(version), 0)::text FROM ${schema}.feature_data_versions`;
}

/** Counts a change of the table $1. */
export function countChangeSql(schema: string): string {
  return `
    INSERT INTO ${schema}.feature_data_versions AS seen VALUES ($1, 1, now())
    ON CONFLICT (table_name) DO UPDATE SET version = seen.version + 1, changed_at = now()`;
}
