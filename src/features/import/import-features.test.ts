import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applicants, shops } from '../../../test/support/features.js';
import { ManualClock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import { SqliteFeatureStore } from '../stores/sqlite-store.js';
import type { FeatureView } from '../view.js';
import { describeEntity } from './describe-entity.js';
import { FeatureImportError, importFeatures } from './import-features.js';

let folder: string;
let store: SqliteFeatureStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'features-'));
  store = new SqliteFeatureStore({ file: join(folder, 'features.db') });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** In pieces of a few bytes, so that characters and line ends are cut in two. */
async function* pieces(content: string | Buffer, size = 3): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(content as string);
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

const load = (view: FeatureView, content: string | Buffer, size?: number) =>
  importFeatures({ csv: pieces(content, size), view, store });

async function problemsOf(view: FeatureView, content: string | Buffer) {
  const error: unknown = await load(view, content).catch((thrown: unknown) => thrown);
  if (!(error instanceof FeatureImportError)) throw new Error('It was imported, or failed otherwise', { cause: error });
  return error.problems.map(
    ({ line, column, message }) => `${line}${column === undefined ? '' : ` ${column}`}: ${message}`,
  );
}

async function read(view: FeatureView, ...keys: string[]) {
  const lookups = keys.map((key) => ({ view, key }));
  return (await store.read(lookups, new Deadline(new ManualClock(), 1000))).map((row) => row?.values);
}

const header = 'applicant_id,score,visits,employed,region,updated_at\n';
const time = '2026-01-01T00:00:00Z';

describe('importFeatures', () => {
  it('takes a good file: columns in any order, others left out, every type, empty for NULL', async () => {
    const csv = `region,extra,updated_at,employed,visits,score,applicant_id
"no,rth",?,1767225600,true,3,-1.5e-3,A-1
"say ""hi""\r\nthere",,${time},0,-7,.5,"A
2"
,,${time},,,,A-3
`;
    expect(await load(applicants, csv)).toEqual({ rows: 3, ignoredColumns: ['extra'] });
    expect(await read(applicants, 'A-1', 'A\n2', 'A-3')).toEqual([
      [-0.0015, 3, true, 'no,rth'],
      [0.5, -7, false, 'say "hi"\r\nthere'],
      [null, null, null, null],
    ]);
  });

  it.each([
    ['a byte order mark', '\ufeffshop_id,size\na,1\n'],
    ['CRLF', 'shop_id,size\r\na,1\r\n'],
    ['no line end at the end', 'shop_id,size\na,1'],
    ['blank lines', '\n\nshop_id,size\n\n\na,1\n\n'],
    ['everything in quotes', '"shop_id","size"\n"a","1"\n'],
  ])('takes %s', async (_, csv) => {
    expect(await load(shops, csv)).toMatchObject({ rows: 1 });
    expect(await read(shops, 'a')).toEqual([[1]]);
  });

  it('replaces rows that are there', async () => {
    await load(shops, 'shop_id,size\na,1\nb,2\n');
    await load(shops, 'shop_id,size\na,3\n');
    expect(await read(shops, 'a', 'b')).toEqual([[3], [2]]);
  });

  it('lists every bad row with its line, and imports nothing', async () => {
    const csv = `${header}a,1,2,true,"x
y",${time}
b,one,2.5,yes,x,2026-01-01
\r
c,1,2
,1e999,9007199254740993,TRUE,x,
a,1,2,true,x,${time}
d, 1,3.0,2,x,${time}
`;
    expect(await problemsOf(applicants, csv)).toEqual([
      '4 score: expected a finite number',
      '4 visits: expected an integer within ±2^53',
      '4 employed: expected true, false, 1 or 0',
      '4 updated_at: expected ISO 8601 with an offset, or epoch seconds',
      '6: has 3 fields, the header has 6',
      '7 applicant_id: expected a key of 1 to 256 characters',
      '7 score: expected a finite number',
      '7 visits: expected an integer within ±2^53',
      '7 updated_at: expected ISO 8601 with an offset, or epoch seconds',
      '8 applicant_id: the key is the same as on line 2',
      '9 score: expected a finite number',
      '9 visits: expected an integer within ±2^53',
      '9 employed: expected true, false, 1 or 0',
    ]);
    expect(await store.verify(applicants)).toEqual([expect.stringContaining('does not exist')]);
  });

  it('never shows a value of the file in a problem', async () => {
    expect((await problemsOf(shops, 'shop_id,size\nsecret-key,secret-value\n')).join()).not.toContain('secret');
  });

  it('lists a hundred problems and counts the others', async () => {
    const error: unknown = await load(shops, `shop_id,size\n${'a,x\n'.repeat(2500)}`, 1000).catch((it: unknown) => it);
    expect(error).toMatchObject({ total: 2500, message: '2500 problems in the file; nothing was imported' });
    expect((error as FeatureImportError).problems).toHaveLength(100);
  });

  it('says what is wrong with the header', async () => {
    expect(await problemsOf(shops, 'shop,siez,a,a\n1,2,3,4\n')).toEqual([
      '1: the header lacks the column shop_id',
      '1: the header lacks the column size; did you mean it by siez?',
      '1: the header names the column a twice',
    ]);
    expect(await problemsOf(shops, '')).toHaveLength(2);
  });

  it.each([
    ['a quote that is not closed', 'shop_id,size\na,1\nb,"2\n', '3: a quote is not closed before the end of the file'],
    ['text behind a quote', 'shop_id,size\na,1\n"b"x,2\n', '3: the file is not CSV here (invalid closing quote)'],
    ['bytes that are not UTF-8', Buffer.from('shop_id,size\na,1\nb\xff,2\n', 'latin1'), '3: the file is not UTF-8'],
    ['a character cut off at the end', Buffer.from('shop_id,size\na,1\nb,\xc3', 'latin1'), '3: the file is not UTF-8'],
  ])('stops at %s', async (_, csv, expected) => {
    expect(await problemsOf(shops, csv)).toEqual([expected]);
  });

  it('refuses keys that the key column cannot hold', async () => {
    await store.upsert(shops, []);
    const numbers = new SqliteFeatureStore({ file: join(folder, 'numbers.db') });
    const { SqliteDatabase } = await import('../../shared/sqlite-database.js');
    const database = new SqliteDatabase({ file: join(folder, 'numbers.db'), create: true, busyTimeoutMs: 0 });
    database.run('CREATE TABLE shops (shop_id INTEGER PRIMARY KEY, size INTEGER)');
    const error: unknown = await importFeatures({
      csv: pieces('shop_id,size\n1,1\nx,2\n'),
      view: shops,
      store: numbers,
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      problems: [
        { line: 3, column: 'shop_id', message: 'expected a whole number, because of the type of the key column' },
      ],
    });
    expect(database.prepare('SELECT count(*) FROM shops').get([])).toEqual([0n]);
    database.close();
    await numbers.close();
  });

  it('reads a file from its path, in steps, and tells how far it is', async () => {
    const file = join(folder, 'shops.csv');
    const content = `shop_id,size\n${Array.from({ length: 30_000 }, (_, index) => `shop-${index},${index}\n`).join('')}`;
    writeFileSync(file, content);
    const progress: number[] = [];
    const result = await importFeatures({ csv: file, view: shops, store, onProgress: (bytes) => progress.push(bytes) });
    expect(result.rows).toBe(30_000);
    expect(progress.length).toBeGreaterThan(2);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(content.length);
    expect(await read(shops, 'shop-0', 'shop-29999')).toEqual([[0], [29_999]]);
  });

  it('fails as the file does', async () => {
    await expect(importFeatures({ csv: join(folder, 'none.csv'), view: shops, store })).rejects.toThrow('ENOENT');
    async function* breaking() {
      yield await Promise.resolve(Buffer.from('shop_id,size\na,1\n'));
      throw new Error('disk gone');
    }
    await expect(importFeatures({ csv: breaking(), view: shops, store })).rejects.toThrow('disk gone');
    expect(await store.verify(shops)).toEqual([expect.stringContaining('does not exist')]);
  });
});

describe('describeEntity', () => {
  const clock = new ManualClock();

  it('tells values, their types, and the age', async () => {
    await load(applicants, `${header}a,1.5,,true,x,2025-12-31T22:00:00Z\n`);
    expect(await describeEntity({ view: applicants, key: 'a', store, clock })).toEqual({
      features: [
        { name: 'score', type: 'number', value: 1.5, storedType: 'number' },
        { name: 'visits', type: 'integer', value: null, storedType: 'null' },
        { name: 'employed', type: 'boolean', value: true, storedType: 'boolean' },
        { name: 'region', type: 'string', value: 'x', storedType: 'string' },
      ],
      updatedAt: Date.parse('2025-12-31T22:00:00Z'),
      ageSeconds: 7200,
      stale: true,
    });
    expect(await describeEntity({ view: applicants, key: 'b', store, clock })).toBeNull();
  });

  it('knows a row without a time, and one whose time or value cannot be read', async () => {
    await load(shops, 'shop_id,size\na,1\n');
    expect(await describeEntity({ view: shops, key: 'a', store, clock })).toMatchObject({
      ageSeconds: null,
      stale: false,
    });
    const values = [1, 1, true, 'x'];
    await store.upsert(applicants, [{ key: 'a', row: { values, updatedAt: Number.NaN } }]);
    expect(await describeEntity({ view: applicants, key: 'a', store, clock })).toMatchObject({
      updatedAt: null,
      ageSeconds: null,
      stale: true,
    });
  });
});
