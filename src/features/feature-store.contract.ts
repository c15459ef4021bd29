import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applicants, shops } from '../../test/support/features.js';
import { ManualClock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import type { EntityKey } from '../shared/feature-value.js';
import { EntityKeyError, type FeatureStore } from './feature-store.js';
import type { FeatureView, StoredRow } from './view.js';

export interface StoreHarness {
  readonly store: FeatureStore;
  /** A second store over the same data, as another process would have it. */
  readonly another: () => FeatureStore;
  /** Runs SQL that is understood by every engine. */
  readonly execute: (sql: string) => Promise<void> | void;
  readonly dispose: () => Promise<void> | void;
}

const updatedAt = Date.parse('2026-01-01T00:00:00.000Z');
const applicantRow = (score: number): StoredRow => ({ values: [score, 3, true, 'north'], updatedAt });
const shopRow = (size: number): StoredRow => ({ values: [size], updatedAt: null });

/** What every FeatureStore promises. `make` gives an engine without the tables `applicants` and `shops`. */
export function featureStoreContract(name: string, make: () => Promise<StoreHarness> | StoreHarness): void {
  describe(`${name} keeps the contract of a feature store`, () => {
    let harness: StoreHarness;
    let store: FeatureStore;
    const inTime = () => new Deadline(new ManualClock(), 5000);
    const read = async (view: FeatureView, ...keys: EntityKey[]) =>
      store.read(
        keys.map((key) => ({ view, key })),
        inTime(),
      );

    beforeEach(async () => {
      harness = await make();
      store = harness.store;
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
    });

    it('gives rows back as they were written, in the order asked, null where there is none', async () => {
      const written = await store.upsert(applicants, [
        { key: 'A-1', row: applicantRow(0.1) },
        { key: 'A-2', row: { values: [null, null, null, null], updatedAt } },
        { key: 'A-3', row: { values: [-1.5e300, -(2 ** 53 - 1), false, 'Zoë \u{1F600} "x"; --'], updatedAt } },
      ]);
      expect(written).toBe(3);
      expect(await read(applicants, 'A-3', 'none', 'A-1', 'A-2', 'A-1')).toEqual([
        { values: [-1.5e300, -(2 ** 53 - 1), false, 'Zoë \u{1F600} "x"; --'], updatedAt },
        null,
        applicantRow(0.1),
        { values: [null, null, null, null], updatedAt },
        applicantRow(0.1),
      ]);
    });

    it('reads several views at once, and nothing for nothing', async () => {
      await store.upsert(applicants, [{ key: 'x', row: applicantRow(1) }]);
      await store.upsert(shops, [{ key: 'x', row: shopRow(2) }]);
      const lookups = [
        { view: shops, key: 'x' },
        { view: applicants, key: 'x' },
      ];
      expect(await store.read(lookups, inTime())).toEqual([shopRow(2), applicantRow(1)]);
      expect(await store.read([], inTime())).toEqual([]);
    });

    it('replaces a row, and leaves the others', async () => {
      await store.upsert(shops, [
        { key: 'a', row: shopRow(1) },
        { key: 'b', row: shopRow(2) },
      ]);
      await store.upsert(shops, [{ key: 'a', row: shopRow(3) }]);
      expect(await read(shops, 'a', 'b')).toEqual([shopRow(3), shopRow(2)]);
    });

    it('writes all rows or none', async () => {
      await store.upsert(shops, [{ key: 'a', row: shopRow(1) }]);
      const rows = [
        { key: 'a', row: shopRow(2) },
        { key: 'b', row: { values: ['a\0b'], updatedAt: null } },
      ];
      await expect(store.upsert(shops, rows)).rejects.toThrow();
      expect(await read(shops, 'a', 'b')).toEqual([shopRow(1), null]);
    });

    it('finds a text key by a number, as the text that the number is', async () => {
      await store.upsert(shops, [{ key: '17', row: shopRow(1) }]);
      expect(await read(shops, 17, '17', '17.0', '017', ' 17')).toEqual([shopRow(1), shopRow(1), null, null, null]);
    });

    it('finds a whole-number key by a number and by its digits, and refuses all else', async () => {
      await harness.execute('CREATE TABLE shops (shop_id BIGINT NOT NULL UNIQUE, size INTEGER)');
      await harness.execute('INSERT INTO shops VALUES (17, 1), (-3, 2), (9007199254740993, 3), (0, 4)');
      const expected = [shopRow(1), shopRow(1), shopRow(2), shopRow(3), shopRow(4), null];
      expect(await read(shops, 17, '17', '-3', '9007199254740993', 0, '9007199254740992')).toEqual(expected);
      for (const key of ['', 'x', '1.0', '1e3', '017', '+17', ' 17', '0x11', '9223372036854775808'])
        await expect(read(shops, key), key).rejects.toThrow(EntityKeyError);
    });

    it('refuses keys that would be stored as something else', async () => {
      await store.upsert(shops, [{ key: 'a\ufffd', row: shopRow(1) }]);
      for (const key of ['a\0b', 'a\ud800', 2 ** 53, 0.5, Number.NaN])
        await expect(read(shops, key), String(key)).rejects.toThrow(EntityKeyError);
    });

    it('takes names and keys for what they are, never for SQL', async () => {
      await store.upsert(shops, [{ key: "' OR 1=1 --", row: shopRow(1) }]);
      expect(await read(shops, "' OR 1=1 --", "' OR 1=2 --", '"', '%')).toEqual([shopRow(1), null, null, null]);
    });

    it('rejects when the table is absent, and when a column is: neither is "no such row"', async () => {
      await store.upsert(applicants, []);
      await expect(read(shops, 'a')).rejects.toThrow(/shops/);
      await harness.execute('CREATE TABLE shops (shop_id TEXT PRIMARY KEY, wrong INTEGER)');
      await expect(read(shops, 'a')).rejects.toThrow(/size/);
    });

    it('reads no more when the time is up', async () => {
      await store.upsert(shops, [{ key: 'a', row: shopRow(1) }]);
      const clock = new ManualClock();
      const deadline = new Deadline(clock, 10);
      clock.advance(11);
      await expect(store.read([{ view: shops, key: 'a' }], deadline)).rejects.toMatchObject({
        code: 'INFERENCE_TIMEOUT',
      });
    });

    it('verifies: absent table, absent column, key that is not unique', async () => {
      expect(await store.verify(shops)).toEqual([expect.stringContaining('shops of view shops does not exist')]);
      await harness.execute('CREATE TABLE shops (shop_id TEXT NOT NULL, sice INTEGER)');
      expect(await store.verify(shops)).toEqual([
        'The table shops of view shops has no column size; did you mean sice?',
        expect.stringContaining('The key shop_id of view shops is not unique'),
      ]);
      await harness.execute('ALTER TABLE shops ADD COLUMN size INTEGER');
      await harness.execute('CREATE UNIQUE INDEX two_columns ON shops (shop_id, size)');
      await harness.execute('CREATE UNIQUE INDEX some_rows ON shops (shop_id) WHERE size > 3');
      expect(await store.verify(shops)).toEqual([expect.stringContaining('is not unique')]);
      await harness.execute('CREATE UNIQUE INDEX one_column ON shops (shop_id)');
      expect(await store.verify(shops)).toEqual([]);
      await store.upsert(applicants, []);
      expect(await store.verify(applicants)).toEqual([]);
    });

    it('does not write into a table that does not fit the view', async () => {
      await harness.execute('CREATE TABLE shops (shop_id TEXT NOT NULL, size INTEGER)');
      await expect(store.upsert(shops, [{ key: 'a', row: shopRow(1) }])).rejects.toThrow('is not unique');
      await expect(store.stage(shops)).rejects.toThrow('is not unique');
    });

    it('reads epoch seconds and ISO 8601, and knows when it cannot', async () => {
      await harness.execute(
        'CREATE TABLE applicants (applicant_id TEXT PRIMARY KEY, score REAL, visits INTEGER, ' +
          'employed BOOLEAN, region TEXT, updated_at TEXT)',
      );
      const times = ['1767225600', '2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00', 'soon', undefined];
      for (const [index, time] of times.entries()) {
        const literal = time === undefined ? 'NULL' : `'${time}'`;
        await harness.execute(`INSERT INTO applicants (applicant_id, updated_at) VALUES ('${index}', ${literal})`);
      }
      const rows = await read(applicants, '0', '1', '2', '3', '4');
      expect(rows.map((row) => row?.updatedAt)).toEqual([updatedAt, updatedAt, Number.NaN, Number.NaN, Number.NaN]);
    });

    it('shows staged rows to nobody before the commit, then all of them', async () => {
      await store.upsert(shops, [{ key: 'a', row: shopRow(1) }]);
      const staged = await store.stage(shops);
      expect(await staged.stage([{ key: 'a', row: shopRow(5), line: 2 }])).toEqual([]);
      expect(await staged.stage([{ key: 'b', row: shopRow(6), line: 3 }])).toEqual([]);
      expect(await read(shops, 'a', 'b')).toEqual([shopRow(1), null]);
      expect(await staged.commit()).toBe(2);
      expect(await read(shops, 'a', 'b')).toEqual([shopRow(5), shopRow(6)]);
    });

    it('forgets staged rows that are discarded', async () => {
      const staged = await store.stage(shops);
      await staged.stage([{ key: 'a', row: shopRow(5), line: 2 }]);
      await staged.discard();
      expect(await store.verify(shops)).toEqual([expect.stringContaining('does not exist')]);
    });

    it('refuses a key that was staged before, and one that the column cannot hold', async () => {
      await harness.execute('CREATE TABLE shops (shop_id BIGINT NOT NULL UNIQUE, size INTEGER)');
      const staged = await store.stage(shops);
      const refusals = await staged.stage([
        { key: '1', row: shopRow(1), line: 2 },
        { key: 'x', row: shopRow(2), line: 3 },
        { key: 1, row: shopRow(3), line: 4 },
      ]);
      expect(refusals).toEqual([
        { line: 3, reason: 'key', expected: 'a whole number' },
        { line: 4, reason: 'duplicate', firstLine: 2 },
      ]);
      await staged.discard();
    });

    it('has another data version after every change, by whomever, and the same without', async () => {
      await store.upsert(shops, [{ key: 'a', row: shopRow(1) }]);
      const first = await store.dataVersion();
      expect(await store.dataVersion()).toBe(first);
      await read(shops, 'a');
      expect(await store.dataVersion()).toBe(first);
      const other = harness.another();
      await other.upsert(shops, [{ key: 'a', row: shopRow(2) }]);
      await other.close();
      const second = await store.dataVersion();
      expect(second).not.toBe(first);
      const staged = await store.stage(shops);
      await staged.stage([{ key: 'a', row: shopRow(3), line: 2 }]);
      await staged.commit();
      expect(await store.dataVersion()).not.toBe(second);
      expect(await read(shops, 'a')).toEqual([shopRow(3)]);
    });
  });
}
