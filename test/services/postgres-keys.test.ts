import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyEntry, keyStoreContract } from '../../src/access/keys/key-store.contract.js';
import { PostgresKeyStore } from '../../src/access/keys/postgres-key-store.js';
import { databaseStatus, migrateDatabase, requireSchema } from '../../src/app/database-schema.js';
import type { Database } from '../../src/app/open-database.js';
import { openDatabaseAt, startPostgres, type TestPostgres } from '../support/postgres.js';

let postgres: TestPostgres;
let database: Database;

beforeAll(async () => {
  postgres = await startPostgres();
  database = await postgres.open();
});
afterAll(async () => {
  await database.close();
  await postgres.remove();
});

const openStore = () => Promise.resolve(new PostgresKeyStore(database.control, database.schema));
const cleanUp = async () => void (await postgres.execute('TRUNCATE inference.api_keys'));

keyStoreContract('PostgreSQL', openStore, cleanUp);

describe('PostgresKeyStore', () => {
  it('tells of changes that were made past it', async () => {
    const store = await openStore();
    await store.insert(keyEntry('a'));
    const before = await store.changes();
    await postgres.execute("DELETE FROM inference.api_keys WHERE id = 'a'");
    expect(await store.changes()).not.toBe(before);
  });

  it('lets one of several that replace the same key at once win', async () => {
    const store = await openStore();
    await store.insert(keyEntry('a'));
    const others = await Promise.all(Array.from({ length: 5 }, () => postgres.open()));
    const tries = others.map(({ control, schema }, index) =>
      new PostgresKeyStore(control, schema).replace('a', keyEntry(`b${index}`), 2_000_000_000_000),
    );
    expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    expect(await store.list()).toHaveLength(2);
    for (const other of others) await other.close();
    await cleanUp();
  });

  it('never holds nor tells a secret of the database', async () => {
    const wrong = await openDatabaseAt(postgres.url.replace('app-secret', 'canary-password'));
    const store = new PostgresKeyStore(wrong.control, wrong.schema);
    const error: unknown = await store.list().catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(/^PostgreSQL at 127.0.0.1:\d+ refused the password of user app$/);
    expect(JSON.stringify(error) + (error as Error).stack).not.toContain('canary');
    await wrong.close();
  });
});

describe('migrations', () => {
  it('say what is missing, run once however many run them, and may run again', async () => {
    const fresh = { ...database, schema: 'an "odd" name' };
    expect(await databaseStatus(fresh)).toMatchObject({
      version: 0,
      latest: 2,
      pending: ['feature data versions', 'api keys'],
    });
    await expect(requireSchema(fresh)).rejects.toThrow('run: bin/inference database migrate');
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrateDatabase(fresh)));
    expect(applied.map((names) => names.length).sort()).toEqual([0, 0, 0, 2]);
    expect(await migrateDatabase(fresh)).toEqual([]);
    expect(await databaseStatus(fresh)).toEqual({ schema: 'an "odd" name', version: 2, latest: 2, pending: [] });
    await requireSchema(fresh);
    const store = new PostgresKeyStore(fresh.control, fresh.schema);
    await store.insert(keyEntry('a'));
    expect(await store.list()).toEqual([keyEntry('a')]);
  });

  it('are all made or none', async () => {
    const broken = { ...database, schema: 'half' };
    await postgres.execute('CREATE SCHEMA half; CREATE TABLE half.api_keys (id text)');
    await expect(migrateDatabase(broken)).rejects.toThrow('relation "api_keys" already exists');
    expect(await databaseStatus(broken)).toMatchObject({ version: 0 });
    expect(await postgres.execute("SELECT to_regclass('half.feature_data_versions')")).toEqual([[null]]);
  });

  it('bring an older schema up to date, and accept a newer one', async () => {
    const old = { ...database, schema: 'older' };
    await migrateDatabase(old);
    await postgres.execute(`DROP TABLE older.api_keys, older.api_key_changes; DROP FUNCTION older.count_api_key_change;
      DELETE FROM older.schema_migrations WHERE version = 2`);
    await expect(requireSchema(old)).rejects.toThrow('has the schema older of an older version');
    expect(await migrateDatabase(old)).toEqual(['api keys']);
    await postgres.execute("INSERT INTO older.schema_migrations (version, name) VALUES (99, 'from the future')");
    await requireSchema(old);
  });
});
