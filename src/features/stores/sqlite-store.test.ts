import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applicants, shops, viewOf } from '../../../test/support/features.js';
import { ManualClock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import type { EntityKey } from '../../shared/feature-value.js';
import { featureStoreContract } from '../feature-store.contract.js';
import type { FeatureView } from '../view.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import { SqliteDatabase } from '../../shared/sqlite-database.js';
import { SqliteFeatureStore } from './sqlite-store.js';

function openFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'features-'));
  const file = join(folder, 'data', 'features.db');
  const execute = (sql: string) => {
    const database = new SqliteDatabase({ file, create: true, busyTimeoutMs: 1000 });
    database.run(sql);
    database.close();
  };
  return { folder, file, execute, dispose: () => rmSync(folder, { recursive: true }) };
}

featureStoreContract('SqliteFeatureStore', () => {
  const { file, execute, dispose } = openFolder();
  return {
    store: new SqliteFeatureStore({ file }),
    another: () => new SqliteFeatureStore({ file }),
    execute,
    dispose,
  };
});

describe('SqliteFeatureStore', () => {
  let place: ReturnType<typeof openFolder>;
  let store: SqliteFeatureStore;
  const read = (view: FeatureView, ...keys: EntityKey[]) =>
    store.read(
      keys.map((key) => ({ view, key })),
      new Deadline(new ManualClock(), 1000),
    );
  const shop = (key: string, size: number) => ({ key, row: { values: [size], updatedAt: null } });

  beforeEach(() => {
    place = openFolder();
    store = new SqliteFeatureStore({ file: place.file });
  });
  afterEach(async () => {
    await store.close();
    place.dispose();
  });

  it('gives values of another type as they are, so that validation refuses them', async () => {
    place.execute(
      'CREATE TABLE applicants (applicant_id TEXT PRIMARY KEY, score, visits, employed, region, updated_at)',
    );
    place.execute(`INSERT INTO applicants VALUES ('a', 'high', 9007199254740993, 2, 17, 1767225600),
      ('b', x'00ff', 2.5, 1, x'41', '1767225600.5'), ('c', 3, '7', 'true', 'north', 1767225600.25)`);
    const epoch = 1_767_225_600_000;
    const rows = await read(applicants, 'a', 'b', 'c');
    expect(rows).toEqual([
      { values: ['high', 2 ** 53, 2, 17], updatedAt: epoch },
      { values: [Number.NaN, 2.5, true, Number.NaN], updatedAt: epoch + 500 },
      { values: [3, '7', 'true', 'north'], updatedAt: epoch + 250 },
    ]);
    expect(Number.isSafeInteger(rows[0]?.values[1])).toBe(false);
  });

  it('writes times into an integer column as epoch seconds', async () => {
    place.execute(
      'CREATE TABLE applicants (applicant_id TEXT PRIMARY KEY, score, visits, employed, region, updated_at INTEGER)',
    );
    const values = [1.5, 2, true, 'north'];
    await store.upsert(applicants, [
      { key: 'a', row: { values, updatedAt: 1_767_225_600_999 } },
      { key: 'b', row: { values, updatedAt: Number.NaN } },
    ]);
    const rows = await read(applicants, 'a', 'b');
    expect(rows.map((row) => row?.updatedAt)).toEqual([1_767_225_600_000, Number.NaN]);
  });

  it('uses the index for every kind of key column', () => {
    for (const type of ['TEXT', 'INTEGER', 'BLOB', 'NUMERIC']) {
      place.execute(`CREATE TABLE t_${type} (k ${type} NOT NULL UNIQUE, f INTEGER)`);
      const database = new SqliteDatabase({ file: place.file, create: false, busyTimeoutMs: 0 });
      const plan = database.prepare(`EXPLAIN QUERY PLAN SELECT t."f" FROM "t_${type}" AS t WHERE t."k" = ?`);
      expect(String(plan.all([type === 'TEXT' ? 'x' : 1n])[0]?.[3])).toMatch(/^SEARCH t USING (INDEX|INTEGER PRIMARY)/);
      database.close();
    }
  });

  it('quotes odd names, and takes schema.table for the name of a table', async () => {
    const odd = viewOf(
      `odd: {entity: e, table: "public.se;lect", key: "a b", features: {"x); --": number, order: string}}`,
    );
    await store.upsert(odd, [{ key: 'k', row: { values: [1.5, 'o'], updatedAt: null } }]);
    expect(await read(odd, 'k')).toEqual([{ values: [1.5, 'o'], updatedAt: null }]);
    expect(await store.verify(odd)).toEqual([]);
    const main = viewOf(`m: {entity: e, table: main.shops, key: shop_id, features: {size: integer}}`);
    await store.upsert(shops, [shop('a', 1)]);
    expect(await read(main, 'a')).toEqual([{ values: [1], updatedAt: null }]);
  });

  it('rejects while the file is missing, and finds it when it arrives', async () => {
    await expect(read(shops, 'a')).rejects.toThrow('does not exist');
    expect(() => store.dataVersion()).toThrow('does not exist');
    expect(existsSync(place.file)).toBe(false);
    await new SqliteFeatureStore({ file: place.file }).upsert(shops, [shop('a', 1)]);
    expect(await read(shops, 'a')).toEqual([{ values: [1], updatedAt: null }]);
  });

  it('rejects a file that is no database, and finds the mended one', async () => {
    await store.upsert(shops, [shop('a', 1)]);
    place.execute('PRAGMA wal_checkpoint(TRUNCATE)');
    renameSync(place.file, `${place.file}.good`);
    for (const suffix of ['-wal', '-shm']) rmSync(place.file + suffix, { force: true });
    writeFileSync(place.file, 'this is not a database, whatever its name says '.repeat(100));
    await expect(read(shops, 'a')).rejects.toThrow('not a database');
    rmSync(place.file);
    renameSync(`${place.file}.good`, place.file);
    expect(await read(shops, 'a')).toHaveLength(1);
  });

  it('notices that its file was replaced or taken away', async () => {
    await store.upsert(shops, [shop('a', 1)]);
    await read(shops, 'a');
    const before = store.dataVersion();
    const another = openFolder();
    another.execute('CREATE TABLE shops (shop_id TEXT PRIMARY KEY, size INTEGER)');
    another.execute("INSERT INTO shops VALUES ('a', 2)");
    another.execute('PRAGMA wal_checkpoint(TRUNCATE)');
    copyFileSync(another.file, `${place.file}.new`);
    another.dispose();
    for (const suffix of ['-wal', '-shm']) rmSync(place.file + suffix, { force: true });
    renameSync(`${place.file}.new`, place.file);
    expect(store.dataVersion()).not.toBe(before);
    expect(await read(shops, 'a')).toEqual([{ values: [2], updatedAt: null }]);
    rmSync(place.file);
    expect(() => store.dataVersion()).toThrow();
    await expect(read(shops, 'a')).rejects.toThrow('does not exist');
  });

  it('rejects a read of a locked file within the busy time, and recovers', async () => {
    mkdirSync(dirname(place.file));
    const locker = new Database(place.file);
    locker.exec("CREATE TABLE shops (shop_id TEXT PRIMARY KEY, size INTEGER); INSERT INTO shops VALUES ('a', 1)");
    const impatient = new SqliteFeatureStore({ file: place.file, readBusyTimeoutMs: 5, writeBusyTimeoutMs: 5 });
    locker.exec('BEGIN EXCLUSIVE');
    const lookups = [{ view: shops, key: 'a' }];
    await expect(impatient.read(lookups, new Deadline(new ManualClock(), 1000))).rejects.toThrow('locked');
    await expect(impatient.upsert(shops, [shop('a', 2)])).rejects.toThrow('locked');
    locker.exec('ROLLBACK');
    locker.close();
    expect(await impatient.read(lookups, new Deadline(new ManualClock(), 1000))).toHaveLength(1);
    await impatient.close();
  });

  it('makes its file and folder readable by their owner only', async () => {
    await store.upsert(shops, [shop('a', 1)]);
    expect(statSync(place.file).mode & 0o777).toBe(0o600);
    expect(statSync(join(place.folder, 'data')).mode & 0o777).toBe(0o700);
  });

  it('leaves no staging file behind, whether the import ended well or not', async () => {
    const kept = await store.stage(shops);
    await kept.stage([{ ...shop('a', 1), line: 2 }]);
    await kept.commit();
    const dropped = await store.stage(shops);
    await dropped.discard();
    const failed = await store.stage(applicants);
    place.execute('CREATE TABLE applicants (applicant_id TEXT)');
    await expect(failed.commit()).rejects.toThrow('has no column score');
    expect(readdirSync(join(place.folder, 'data')).filter((name) => name.includes('import'))).toEqual([]);
  });

  it('refuses a row with too few values', async () => {
    await expect(store.upsert(shops, [{ key: 'a', row: { values: [], updatedAt: null } }])).rejects.toThrow('lacks');
  });
});

describe('SqliteDatabase', () => {
  it('refuses what libsql would abort on or change in silence', () => {
    const { file, dispose } = openFolder();
    const database = new SqliteDatabase({ file, create: true, busyTimeoutMs: 0 });
    const statement = database.prepare('SELECT ?');
    for (const value of [true, undefined, Number.NaN, 'a\0b', new Date(), ['x']])
      expect(() => statement.get([value as never]), String(value)).toThrow(TypeError);
    expect(statement.get([null])).toEqual([null]);
    expect(statement.get([2n ** 60n])).toEqual([2n ** 60n]);
    expect(() => quoteIdentifier('a\0')).toThrow(TypeError);
    expect(quoteIdentifier('a"b')).toBe('"a""b"');
    database.close();
    dispose();
  });

  it('rolls a failed transaction back', () => {
    const { file, dispose } = openFolder();
    const database = new SqliteDatabase({ file, create: true, busyTimeoutMs: 0 });
    database.run('CREATE TABLE t (a)');
    const work = () => {
      database.run('INSERT INTO t VALUES (1)');
      throw new Error('no');
    };
    expect(() => database.transaction(work)).toThrow('no');
    expect(database.prepare('SELECT count(*) FROM t').get([])).toEqual([0n]);
    database.close();
    dispose();
  });
});
