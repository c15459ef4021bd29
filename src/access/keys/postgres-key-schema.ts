/** Migrations of the key store's own tables. Whoever changes a key, by whatever means, counts one change. `schema` is quoted. */
export const keyMigrations = [
  {
    version: 2,
    name: 'api keys',
    sql: (schema: string) => `
      CREATE TABLE ${schema}.api_keys (
        id text PRIMARY KEY,
        sha256 text NOT NULL UNIQUE,
        label text NOT NULL,
        scopes text NOT NULL,
        created_at bigint NOT NULL,
        expires_at bigint,
        revoked_at bigint,
        requests_per_minute integer,
        rotation_group text NOT NULL,
        replaced_by text,
        position bigint GENERATED ALWAYS AS IDENTITY
      );
      CREATE TABLE ${schema}.api_key_changes (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), changes bigint NOT NULL);
      INSERT INTO ${schema}.api_key_changes (changes) VALUES (0);
      CREATE FUNCTION ${schema}.count_api_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          UPDATE ${schema}.api_key_changes SET changes = changes + 1;
          RETURN NULL;
        END $$;
      CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${schema}.api_keys
        FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.count_api_key_change()`,
  },
] as const;
