import { describe, expect, it } from 'vitest';
import { applicants, shops } from '../../../test/support/features.js';
import type { PostgresRow, Statement } from '../../shared/postgres/pool.js';
import { EntityKeyError } from '../feature-store.js';
import { groupByView, readableView, readStatement, rowsInOrder } from './postgres-read.js';
import { createTableSql, readTableFacts, tableProblems, type ColumnKind } from './postgres-table.js';
import { fromText, timestampFromText, timestampToText, toKeyText, toText } from './postgres-values.js';

/** Rows of the catalogue: name, whether it is an enum, type, type for casts, kind of table, whether the key is unique. */
const catalogue =
  (types: Record<string, string>, kind = 'r', unique = 'true') =>
  (_statement: Statement): Promise<PostgresRow[]> =>
    Promise.resolve(
      Object.entries(types).map(([name, type]) => [name, 'false', type, `pg_catalog.${type}`, kind, unique]),
    );
const applicantTypes = {
  ...{ applicant_id: 'int4', score: 'float8', visits: 'int8', employed: 'bool', region: 'text' },
  updated_at: 'timestamptz',
};

describe('a read', () => {
  it('is one statement for all views, its rows put back in the order asked', async () => {
    const readables = [
      readableView(applicants, (await readTableFacts(catalogue(applicantTypes), applicants))!),
      readableView(shops, (await readTableFacts(catalogue({ shop_id: 'text', size: 'int4' }), shops))!),
    ];
    const lookups = [
      { view: shops, key: 'x' },
      { view: applicants, key: 17 },
      { view: shops, key: 'y' },
    ];
    const groups = groupByView(lookups, readables);
    const { text, values, name } = readStatement(groups);
    expect(values).toEqual([['17'], ['x', 'y']]);
    expect(text).toContain(`FROM unnest($1::bigint[]) WITH ORDINALITY AS k(key, number) JOIN "applicants" AS t`);
    expect(text).toContain('UNION ALL SELECT 1, k.number, t."size"::text, NULL::text, NULL::text');
    expect(readStatement(groups).name).toBe(name);
    const rows: PostgresRow[] = [
      ['1', '2', '5', null, null, null, null],
      ['0', '1', '0.5', '3', 'true', 'north', '1767225600.25'],
    ];
    expect(rowsInOrder(3, groups, rows)).toEqual([
      null,
      { values: [0.5, 3, true, 'north'], updatedAt: 1_767_225_600_250 },
      { values: [5], updatedAt: null },
    ]);
    expect(() => rowsInOrder(3, groups, [rows[0]!, rows[0]!])).toThrow('The key shop_id of view shops is not unique');
  });

  it('needs every column, and a key that can be compared', async () => {
    const facts = async (types: Record<string, string>) => (await readTableFacts(catalogue(types), shops))!;
    expect(() => readableView(shops, { columns: new Map(), keyIsUnique: 'yes' })).toThrow('has no column shop_id');
    const unlike = await facts({ shop_id: 'date', size: 'int4' });
    expect(() => readableView(shops, unlike)).toThrow('is of type date');
  });
});

describe('a table', () => {
  const problems = async (types: Record<string, string>, kind?: string, unique?: string) =>
    tableProblems(shops, await readTableFacts(catalogue(types, kind, unique), shops));
  it.each([
    [{}, 'r', 'true', ['does not exist']],
    [{ shop_id: 'text', size: 'int4' }, 'r', 'true', []],
    [{ shop_id: 'text', size: 'int4' }, 'v', 'false', []],
    [{ shop_id: 'text', size: 'int4' }, 'r', 'false', ['CREATE UNIQUE INDEX ON "shops" ("shop_id")']],
    [{ shop_id: 'text', sice: 'int4' }, 'r', 'true', ['has no column size; did you mean sice?']],
    [{ shop_id: 'bytea', size: 'text' }, 'r', 'true', ['is of type bytea', 'is of type text']],
  ])('%j of kind %s, unique %s', async (types, kind, unique, expected) => {
    const found = await problems(types, kind, unique);
    expect(found).toEqual(expected.map((words) => expect.stringContaining(words)));
  });

  it('of our own has the types of the features', () => {
    expect(createTableSql(applicants)).toBe(
      'CREATE TABLE "applicants" ("applicant_id" text PRIMARY KEY, "score" double precision, "visits" bigint, ' +
        '"employed" boolean, "region" text, "updated_at" timestamptz)',
    );
  });
});

describe('values', () => {
  const column = (type: string, kind: ColumnKind) => ({ name: 'k', kind, type, cast: type });
  it.each([
    [17, 'int4', 'integer', '17'],
    ['-32768', 'int2', 'integer', '-32768'],
    ['32768', 'int2', 'integer', undefined],
    ['9223372036854775808', 'int8', 'integer', undefined],
    ['017', 'int8', 'integer', undefined],
    ['9'.repeat(38), 'numeric', 'number', '9'.repeat(38)],
    ['9'.repeat(39), 'numeric', 'number', undefined],
    ['6f9619ff-8b86-d011-b42d-00c04fc964ff', 'uuid', 'uuid', '6f9619ff-8b86-d011-b42d-00c04fc964ff'],
    [17, 'uuid', 'uuid', undefined],
    [17, 'text', 'text', '17'],
    ['a\0', 'text', 'text', undefined],
    [0.5, 'text', 'text', undefined],
  ] as const)('key %j of type %s', (key, type, kind, expected) => {
    const convert = () => toKeyText('e', key, column(type, kind));
    if (expected === undefined) expect(convert).toThrow(EntityKeyError);
    else expect(convert()).toBe(expected);
  });

  it('keep their type, and are NaN where no feature can have it', () => {
    expect(fromText(null, 'text')).toBeNull();
    expect(fromText('9007199254740993', 'integer')).toBe(2 ** 53);
    expect([fromText('true', 'boolean'), fromText('false', 'boolean')]).toEqual([true, false]);
    expect(fromText('north', 'enum')).toBe('north');
    for (const kind of ['boolean', 'integer', 'other', 'timestamp'] as const) expect(fromText('x', kind)).toBeNaN();
  });

  it('of time go there and back', () => {
    const time = 1_767_225_600_000;
    for (const kind of ['integer', 'number', 'text'] as const)
      expect(timestampFromText(timestampToText(time, kind), kind)).toBe(time);
    expect(timestampToText(time, 'timestamp')).toBe('2026-01-01T00:00:00.000Z');
    expect(timestampFromText('1767225600.000000', 'timestamp')).toBe(time);
    expect(timestampFromText('', 'other')).toBeNaN();
    expect(timestampFromText(null, 'timestamp')).toBeNaN();
    expect(timestampToText(Number.NaN, 'timestamp')).toBeNull();
  });

  it('are written unchanged or not at all', () => {
    expect([null, 1.5, true, 'x'].map(toText)).toEqual([null, '1.5', 'true', 'x']);
    for (const value of [Number.NaN, 'a\0']) expect(() => toText(value)).toThrow(TypeError);
  });
});
