import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answering, gated, make, row, settle } from '../../test/support/feature-service.js';
import { FakeStore, shops, viewOf } from '../../test/support/features.js';
import { ManualClock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import { EntityKeyError } from './feature-store.js';
import { SqliteFeatureStore } from './stores/sqlite-store.js';

describe('demand 23: the cache is never wrong for longer than it says, and never trusted blindly', () => {
  it('demand 23: a changed row is seen after the time to live, an absence after its own', async () => {
    let size = 1;
    const store = new FakeStore((lookups) =>
      Promise.resolve(
        lookups.map(({ key }) => (key === 'new' && size === 1 ? null : { values: [size], updatedAt: null })),
      ),
    );
    const { read, clock } = make(store);
    await read(['old', 'new']);
    size = 2;
    clock.advance(4999);
    expect(await read(['new'])).toMatchObject([{ state: 'absent', origin: 'cache' }]);
    clock.advance(1);
    expect(await read(['new'])).toMatchObject([{ state: 'row', origin: 'store', values: [2] }]);
    clock.advance(54_999);
    expect(await read(['old'])).toMatchObject([{ origin: 'cache', values: [1] }]);
    clock.advance(1);
    expect(await read(['old'])).toMatchObject([{ origin: 'store', values: [2] }]);
  });

  it('demand 23: a poisoned, truncated, foreign or over-aged entry is a miss and a fact, never an error', async () => {
    const key = `shops:${shops.fingerprint}:s:a`;
    const taken: Buffer[] = [];
    const store = answering();
    const first = make(store);
    await first.read(['a']);
    const whole = first.cache.get(key)!;
    taken.push(whole.subarray(0, 12), Buffer.from('plain nonsense in the place of a packed row'), Buffer.alloc(0));
    const flipped = Buffer.from(whole);
    flipped[27] = flipped[27]! ^ 1;
    const older = Buffer.from(whole);
    older[0] = 0;
    for (const value of [...taken, flipped, older]) {
      first.cache.set({ key, value, ttlMs: 60_000 });
      expect(await first.read(['a'])).toEqual([row('a', 'store')]);
    }
    expect(first.facts.cacheTrouble.map((fact) => (fact as { kind: string }).kind)).toEqual([
      ...['truncated', 'old_schema', 'truncated', 'poisoned', 'old_schema'],
    ]);
    first.cache.set({ key, value: whole, ttlMs: 10_000_000 });
    first.clock.advance(60_001);
    expect(await first.read(['a'])).toEqual([row('a', 'store')]);
  });

  it('demand 23: any bytes whatever in the cache give the right row', async () => {
    const made = make(answering());
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
        const key = `shops:${shops.fingerprint}:s:a`;
        made.cache.set({ key, value: Buffer.from(bytes), ttlMs: 60_000 });
        expect(await made.read(['a'])).toEqual([row('a', 'store')]);
      }),
    );
  });

  it('demand 23: an import by another process is seen at the next poll, and what was being read meanwhile is not kept', async () => {
    const { store, gates } = gated();
    const { read, timers, facts } = make(store);
    await settle();
    expect(timers.milliseconds).toBeLessThanOrEqual(1000);
    const before = read(['a']);
    await settle();
    store.version = '2';
    await timers.fire();
    expect(facts.cacheCleared).toHaveLength(1);
    gates[0]!.open();
    await before;
    const after = read(['a']);
    await settle();
    gates[1]!.open();
    expect(await after).toEqual([row('a', 'store')]);
    await timers.fire();
    expect(await read(['a'])).toEqual([row('a', 'cache')]);
    expect(facts.cacheCleared).toHaveLength(1);
  });

  it('demand 23: a store that was away is taken for changed', async () => {
    const store = answering();
    const { read, timers, facts, service } = make(store);
    await settle();
    await read(['a']);
    store.version = 'down';
    await timers.fire();
    await timers.fire();
    expect(service.health().store).toBe('unhealthy');
    expect(facts.storeFailed).toHaveLength(1);
    store.version = '1';
    await timers.fire();
    expect(service.health().store).toBe('healthy');
    expect(await read(['a'])).toEqual([row('a', 'store')]);
  });

  it('demand 23: with SQLite, a row imported through another connection is served after one poll', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'features-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'features.db');
    const importer = new SqliteFeatureStore({ file });
    const put = (size: number) => importer.upsert(shops, [{ key: 'a', row: { values: [size], updatedAt: null } }]);
    await put(1);
    const { read, timers, service, facts } = make(new SqliteFeatureStore({ file }));
    await settle();
    expect(await read(['a', 'a'])).toMatchObject([{ values: [1] }, { values: [1], origin: 'store' }]);
    await put(2);
    expect(await read(['a'])).toMatchObject([{ values: [1], origin: 'cache' }]);
    await timers.fire();
    expect(await read(['a'])).toMatchObject([{ values: [2], origin: 'store' }]);
    const typed = viewOf('s2: {entity: shop_id, table: nowhere, key: k, features: {f: number}}');
    const deadline = new Deadline(new ManualClock(), 1000);
    const lookups = [{ view: typed, key: 'a' }];
    expect(await service.read(lookups, { useCache: true, deadline })).toEqual([{ state: 'unavailable' }]);
    await expect(read(['a\0'])).rejects.toThrow(EntityKeyError);
    await expect(read(['a\0', 'a\0'], false)).rejects.toThrow(EntityKeyError);
    expect(facts.storeFailed).toHaveLength(1);
    await service.close();
  });
});
