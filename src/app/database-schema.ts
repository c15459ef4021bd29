import { keyMigrations } from '../access/keys/postgres-key-schema.js';
import { featureMigrations } from '../features/stores/postgres-schema.js';
import type { PostgresSession } from '../shared/postgres/session.js';
import { quoteIdentifier } from '../shared/sql-identifier.js';
import type { Database } from './open-database.js';
import type { DatabaseStatus } from './operations.js';

/**
 * All that was ever done to the schema, in order. What is released is not changed: a new entry follows, and leaves the schema usable by
 * the version before it, so that instances can be replaced one by one.
 */
const migrations = [...featureMigrations, ...keyMigrations];

/** Any number that other programs are unlikely to use: one migration at a time in a database. */
const advisoryLock = '7163027448910251';

/** What the schema has and lacks. @throws PostgresError */
export async function databaseStatus({ control, schema }: Database): Promise<DatabaseStatus> {
  const applied = `${quoteIdentifier(schema)}.schema_migrations`;
  const [exists] = await control.query({ text: 'SELECT to_regclass($1)::text', values: [applied] });
  if (typeof exists?.[0] !== 'string') return statusOf(schema, []);
  const rows = await control.query({ text: `SELECT version::text FROM ${applied}` });
  return statusOf(
    schema,
    rows.map(([version]) => Number(version)),
  );
}

/** Applies what is missing, all of it or nothing. Several at once wait for each other. @returns the names of what was applied. */
export async function migrateDatabase({ openSession, schema }: Database): Promise<readonly string[]> {
  const session = await openSession();
  try {
    return await session.transaction(() => applyMissing(session, schema));
  } finally {
    await session.close();
  }
}

/** @throws Error with the command to run, when the schema is missing or old. One that is newer serves an older program too. */
export async function requireSchema(database: Database): Promise<void> {
  const { version, pending, schema } = await databaseStatus(database);
  if (pending.length === 0) return;
  const what =
    version === 0 ? `has no schema ${schema} of this program` : `has the schema ${schema} of an older version`;
  throw new Error(`the database ${what}; run: bin/inference database migrate`);
}

function statusOf(schema: string, applied: readonly number[]): DatabaseStatus {
  const pending = migrations.filter(({ version }) => !applied.includes(version)).map(({ name }) => name);
  return { schema, version: Math.max(0, ...applied), latest: migrations.at(-1)?.version ?? 0, pending };
}

async function applyMissing(session: PostgresSession, schema: string): Promise<string[]> {
  const quoted = quoteIdentifier(schema);
  await session.query({ text: 'SELECT pg_advisory_xact_lock($1::bigint)', values: [advisoryLock] });
  await createSchema(session, schema);
  await session.query({
    text: `CREATE TABLE IF NOT EXISTS ${quoted}.schema_migrations (
      version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  });
  const { rows } = await session.query({ text: `SELECT version::text FROM ${quoted}.schema_migrations` });
  const applied = new Set(rows.map(([version]) => Number(version)));
  const missing = migrations.filter(({ version }) => !applied.has(version));
  for (const { version, name, sql } of missing) {
    await session.query({ text: sql(quoted) });
    const insert = `INSERT INTO ${quoted}.schema_migrations (version, name) VALUES ($1, $2)`;
    await session.query({ text: insert, values: [String(version), name] });
  }
  return missing.map(({ name }) => name);
}

/** Asked first: IF NOT EXISTS wants the right to make schemas even where there is nothing to make. */
async function createSchema(session: PostgresSession, schema: string): Promise<void> {
  const quoted = quoteIdentifier(schema);
  const { rows } = await session.query({ text: 'SELECT to_regnamespace($1)::text', values: [quoted] });
  if (typeof rows[0]?.[0] !== 'string') await session.query({ text: `CREATE SCHEMA ${quoted}` });
}
