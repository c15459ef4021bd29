import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requireSchema } from '../../src/app/database-schema.js';
import type { Database } from '../../src/app/open-database.js';
import { featureStoreContract } from '../../src/features/feature-store.contract.js';
import { importFeatures } from '../../src/features/import/import-features.js';
import { EntityKeyError, type FeatureView } from '../../src/features/index.js';
import { groupByView, readableView, readStatement } from '../../src/features/stores/postgres-read.js';
import { PostgresFeatureStore } from '../../src/features/stores/postgres-store.js';
import { readTableFacts } from '../../src/features/stores/postgres-table.js';
import { ManualClock } from '../../src/shared/clock.js';
import { Deadline } from '../../src/shared/deadline.js';
import type { EntityKey } from '../../src/shared/feature-value.js';
import { applicants, shops, viewOf } from '../support/features.js';
import { openDatabaseAt, startPostgres, type TestPostgres } from '../support/postgres.js';

let postgres: TestPostgres;
let database: Database;
const clock = new ManualClock();
const openStore = () => {
  const { reads: pool, control, openSession, schema } = database;
  return new PostgresFeatureStore({ pool, control, openSession, schema, clock });
};

beforeAll(async () => {
  postgres = await startPostgres();
  database = await postgres.open();
});
afterAll(async () => {
  await database.close();
  await postgres.remove();
});

const clean = () => postgres.execute('DROP SCHEMA public CASCADE; CREATE SCHEMA public');

featureStoreContract('PostgresFeatureStore', async () => {
  await clean();
  return {
    store: openStore(),
    another: openStore,
    execute: async (sql) => void (await postgres.execute(sql)),
    dispose: () => undefined,
  };
});

describe('PostgresFeatureStore', () => {
  let store: PostgresFeatureStore;
  const read = (view: FeatureView, ...keys: EntityKey[]) =>
    store.read(
      keys.map((key) => ({ view, key })),
      new Deadline(clock, 5000),
    );

  beforeEach(async () => {
    await clean();
    store = openStore();
  });
  afterEach(() => store.close());

  const wide = viewOf(`
wide: {entity: e, table: wide, key: k, features: {i2: integer, i4: integer, i8: integer, n: number, f4: number, f8: number,
  b: boolean, v: string, c: string, u: string, e: string, d: string, j: string, x: string}}`);

  it('gives values of every type, and what no feature type can hold as NaN', async () => {
    await postgres.execute(`
      CREATE TYPE mood AS ENUM ('good', 'bad');
      CREATE DOMAIN score AS numeric(20, 3);
      CREATE TABLE wide (k bigint PRIMARY KEY, i2 smallint, i4 integer, i8 bigint, n score, f4 real, f8 double precision, b boolean,
        v varchar(9), c char(5), u uuid, e mood, d date, j jsonb, x bytea);
      INSERT INTO wide VALUES
        (1, -32768, 2147483647, 9007199254740993, 12345678901234567.125, 0.1, 0.1, true, 'v', 'c',
          '6F9619FF-8B86-D011-B42D-00C04FC964FF', 'bad', '2026-01-01', '{}', '\\x00'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (3, 0, 0, 9007199254740991, 'NaN', 'Infinity', '-0', false, '', '', NULL, 'good', NULL, NULL, NULL)`);
    const rows = await read(wide, 1, 2, 3);
    const [beyond] = [2 ** 53];
    expect(rows.map((row) => row?.values)).toEqual([
      [
        ...[-32768, 2_147_483_647, beyond, Number('12345678901234567.125'), 0.1, 0.1, true, 'v', 'c'],
        ...['6f9619ff-8b86-d011-b42d-00c04fc964ff', 'bad', Number.NaN, Number.NaN, Number.NaN],
      ],
      Array.from({ length: 14 }, () => null),
      [0, 0, 2 ** 53 - 1, Number.NaN, Infinity, -0, false, '', '', null, 'good', null, null, null],
    ]);
    expect(Number.isSafeInteger(rows[0]?.values[2])).toBe(false);
  });

  it('says in words which columns are of a type that does not fit', async () => {
    await postgres.execute(`CREATE TABLE applicants (applicant_id timestamptz PRIMARY KEY, score text, visits boolean,
      employed integer, region bytea, updated_at timestamp)`);
    expect(await store.verify(applicants)).toEqual([
      'The column applicant_id of applicants (view applicants) is of type timestamptz, and a key must be text, a whole number, numeric or uuid',
      'The column score of applicants (view applicants) is of type text, and the feature is of type number',
      'The column visits of applicants (view applicants) is of type bool, and the feature is of type integer',
      'The column employed of applicants (view applicants) is of type int4, and the feature is of type boolean',
      'The column region of applicants (view applicants) is of type bytea, and the feature is of type string',
      'The column updated_at of applicants (view applicants) is of type timestamp, and a timestamp must be timestamptz, epoch seconds, or ISO 8601 text with an offset',
    ]);
    await expect(read(applicants, 'a')).rejects.toThrow('is of type timestamptz');
    await postgres.execute('ALTER TABLE applicants ALTER COLUMN applicant_id TYPE text');
    expect(await read(applicants, 'a')).toEqual([null]);
  });

  it('gives values of another type as they are, so that validation refuses them', async () => {
    await postgres.execute(`CREATE TABLE applicants (applicant_id text PRIMARY KEY, score text, visits boolean,
      employed integer, region integer, updated_at date);
      INSERT INTO applicants VALUES ('a', 'high', true, 1, 17, '2026-01-01')`);
    expect(await read(applicants, 'a')).toEqual([{ values: ['high', true, 1, 17], updatedAt: Number.NaN }]);
  });

  it.each(['timestamptz', 'bigint', 'double precision', 'numeric', 'text'])(
    'reads and writes times of type %s',
    async (type) => {
      await postgres.execute(`CREATE TABLE applicants (applicant_id text PRIMARY KEY, score float8, visits int, employed bool,
      region text, updated_at ${type})`);
      const values = [1.5, 2, true, 'north'];
      const updatedAt = 1_767_225_600_000 + (type === 'bigint' ? 0 : 999);
      await store.upsert(applicants, [
        { key: 'a', row: { values, updatedAt } },
        { key: 'b', row: { values, updatedAt: Number.NaN } },
      ]);
      expect((await read(applicants, 'a', 'b')).map((row) => row?.updatedAt)).toEqual([updatedAt, Number.NaN]);
    },
  );

  it.each([
    ['smallint', [17, '17', '-3'], ['32768', '1.0', 'x', '1e2']],
    ['integer', [17, '17', '-3'], ['2147483648', '']],
    ['numeric(30)', [17, '17', '-3', '123456789012345678901234567890'], ['1.5', '0x1']],
    ['uuid', ['6f9619ff-8b86-d011-b42d-00c04fc964ff', '6F9619FF-8B86-D011-B42D-00C04FC964FF'], [17, 'x', '6f9619ff']],
    ['varchar(40)', ['17', 17, 'x'.repeat(40)], ['a\0b']],
    ['char(40)', ['17', 17, 'Zoë'], ['a\ud800']],
  ] as [string, EntityKey[], EntityKey[]][])(
    'looks keys of type %s up by their index, and refuses others',
    async (type, good, bad) => {
      await postgres.execute(`CREATE TABLE shops (shop_id ${type} PRIMARY KEY, size integer)`);
      const unlike = [...new Map(good.map((key) => [String(key).toLowerCase(), key])).values()];
      await store.upsert(
        shops,
        unlike.map((key, size) => ({ key, row: { values: [size], updatedAt: null } })),
      );
      const sizes = (await read(shops, ...good)).map((row) => row?.values[0]);
      expect(sizes).toEqual(
        good.map((key) => unlike.findIndex((it) => String(it).toLowerCase() === String(key).toLowerCase())),
      );
      for (const key of bad) await expect(read(shops, key), String(key)).rejects.toThrow(EntityKeyError);
      await usesTheIndex(type);
    },
  );

  /** Plans the very statement of a read over a table that is large enough for the index to be worth it. */
  async function usesTheIndex(type: string) {
    const value = type === 'uuid' ? 'gen_random_uuid()' : `(100 + i)::${type}`;
    await postgres.execute(
      `INSERT INTO shops SELECT ${value}, 1 FROM generate_series(1, 30000) i ON CONFLICT DO NOTHING; ANALYZE shops`,
    );
    const facts = await readTableFacts((statement) => database.control.query(statement), shops);
    const { text } = readStatement(groupByView([], [readableView(shops, facts!)]));
    const plan = await postgres.execute(
      `SET plan_cache_mode = force_generic_plan; PREPARE reading AS ${text}; EXPLAIN EXECUTE reading('{}')`,
    );
    expect(plan.flat().join('\n')).toMatch(/Index Scan using shops_pkey/);
  }

  it('quotes odd names, and finds tables of other schemas', async () => {
    const odd = viewOf(
      `odd: {entity: e, table: 'we"ird.se;lect', key: "a b", features: {"x); --": number, order: string}}`.replace(
        'we"ird',
        'we ird',
      ),
    );
    await postgres.execute('DROP SCHEMA IF EXISTS "we ird" CASCADE; CREATE SCHEMA "we ird"');
    await store.upsert(odd, [{ key: 'k', row: { values: [1.5, 'o\t\\N\n'], updatedAt: null } }]);
    expect(await read(odd, 'k')).toEqual([{ values: [1.5, 'o\t\\N\n'], updatedAt: null }]);
    expect(await store.verify(odd)).toEqual([]);
  });

  it('reads a view of SQL, and trusts none of several rows', async () => {
    await postgres.execute(`CREATE TABLE base (id text, size integer);
      CREATE VIEW shops AS SELECT id AS shop_id, size FROM base;
      INSERT INTO base VALUES ('a', 1), ('b', 2), ('b', 3)`);
    expect(await store.verify(shops)).toEqual([]);
    expect(await read(shops, 'a', 'c')).toEqual([{ values: [1], updatedAt: null }, null]);
    await expect(read(shops, 'a', 'b')).rejects.toThrow('The key shop_id of view shops is not unique');
  });

  it('notices that a table was changed', async () => {
    await store.upsert(shops, [{ key: 'a', row: { values: [1], updatedAt: null } }]);
    await read(shops, 'a');
    await postgres.execute('ALTER TABLE shops RENAME COLUMN size TO sice');
    await expect(read(shops, 'a')).rejects.toThrow('size');
    await expect(read(shops, 'a')).rejects.toThrow('has no column size; did you mean sice?');
    await postgres.execute('ALTER TABLE shops RENAME COLUMN sice TO size; ALTER TABLE shops ALTER size TYPE text');
    expect(await read(shops, 'a')).toEqual([{ values: ['1'], updatedAt: null }]);
    await postgres.execute('ALTER TABLE shops ALTER size TYPE integer USING 5');
    clock.advance(61_000);
    await store.dataVersion();
    expect(await read(shops, 'a')).toEqual([{ values: [5], updatedAt: null }]);
  });

  it('imports by COPY: large files, and what the column cannot hold is named by line and column, without the value', async () => {
    const csv = (lines: string[]) =>
      (async function* () {
        await Promise.resolve();
        yield Buffer.from(['shop_id,size', ...lines, ''].join('\n'));
      })();
    const many = Array.from({ length: 25_000 }, (_, index) => `shop ${index},${index}`);
    expect(await importFeatures({ csv: csv(many), view: shops, store })).toMatchObject({ rows: 25_000 });
    expect(await read(shops, 'shop 0', 'shop 24999')).toEqual(
      [0, 24_999].map((size) => ({ values: [size], updatedAt: null })),
    );
    await postgres.execute('ALTER TABLE shops ALTER size TYPE smallint USING 0');
    const error: unknown = await importFeatures({ csv: csv(['a,1', 'b,70000']), view: shops, store }).catch(
      (it: unknown) => it,
    );
    expect((error as Error).message).toBe(
      'line 3, size: the number is beyond the range of the column; nothing was imported',
    );
    expect(await read(shops, 'a')).toEqual([null]);
    await postgres.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'inference-service'");
  });

  it('leaves no connection behind, whether the import ended well or not', async () => {
    const sessions = async () =>
      Number(
        (
          await postgres.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%arriving%' AND pid <> pg_backend_pid()",
          )
        )[0]?.[0],
      );
    const kept = await store.stage(shops);
    await kept.stage([{ key: 'a', row: { values: [1], updatedAt: null }, line: 2 }]);
    expect(await kept.commit()).toBe(1);
    await (await store.stage(shops)).discard();
    const failed = await store.stage(applicants);
    await postgres.execute('CREATE TABLE applicants (applicant_id text)');
    await expect(failed.commit()).rejects.toThrow('has no column score');
    await expect(store.stage(applicants)).rejects.toThrow('has no column score');
    await expect.poll(sessions, { timeout: 10_000 }).toBe(0);
  });

  it('needs no more rights for serving than those that are documented', async () => {
    await store.upsert(shops, [{ key: 'a', row: { values: [1], updatedAt: null } }]);
    await postgres.execute(`DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'reader';
      GRANT USAGE ON SCHEMA inference, public TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA inference, public TO reader`);
    const serving = await openDatabaseAt(postgres.url.replace('app:app-secret', 'reader:reader'));
    await requireSchema(serving);
    const { reads: pool, control, openSession, schema } = serving;
    const reader = new PostgresFeatureStore({ pool, control, openSession, schema, clock });
    const deadline = new Deadline(clock, 5000);
    expect(await reader.read([{ view: shops, key: 'a' }], deadline)).toEqual([{ values: [1], updatedAt: null }]);
    expect(await reader.verify(shops)).toEqual([]);
    expect(await reader.dataVersion()).toBe(await store.dataVersion());
    const write = reader.upsert(shops, [{ key: 'a', row: { values: [2], updatedAt: null } }]);
    await expect(write).rejects.toThrow('permission denied for table shops');
    await serving.close();
    await postgres.execute('DROP OWNED BY reader; DROP ROLE reader');
  });

  it('knows changes that other programs count', async () => {
    const before = await store.dataVersion();
    await postgres.execute(`INSERT INTO inference.feature_data_versions VALUES ('other', 1, now())
      ON CONFLICT (table_name) DO UPDATE SET version = feature_data_versions.version + 1`);
    expect(await store.dataVersion()).not.toBe(before);
  });
});
