import { describe, expect, it } from 'vitest';
import { gated, make, row, settle } from '../../test/support/feature-service.js';
import { FakeStore } from '../../test/support/features.js';

describe('demand 24: one read of the store for a key, however many want it', () => {
  it('demand 24: 500 calls for an expired key cost one read', async () => {
    const { store, gates } = gated();
    const { read, facts } = make(store);
    const calls = Array.from({ length: 500 }, () => read(['hot']));
    await settle();
    expect(gates).toHaveLength(1);
    gates[0]!.open();
    for (const answer of await Promise.all(calls)) expect(answer).toEqual([row('hot', 'store')]);
    expect(store.reads).toHaveLength(1);
    expect(facts.singleFlightShared).toHaveLength(499);
  });

  it('demand 24: a failed read fails those who waited, and nobody after them', async () => {
    const { store, gates } = gated();
    const { read } = make(store);
    const waiting = [read(['hot']), read(['hot'])];
    await settle();
    gates[0]!.fail(new Error('down'));
    expect(await Promise.all(waiting)).toEqual([[{ state: 'unavailable' }], [{ state: 'unavailable' }]]);
    const next = read(['hot']);
    await settle();
    gates[1]!.open();
    expect(await next).toEqual([row('hot', 'store')]);
  });

  it('demand 24: who runs out of time takes nobody along; the last one ends the read', async () => {
    const { store, gates } = gated();
    const { read, facts } = make(store);
    const hasty = read(['hot'], true, 5);
    const patient = read(['hot']);
    await expect(hasty).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    expect(gates[0]!.deadline.cancelled).toBe(false);
    gates[0]!.open();
    expect(await patient).toEqual([row('hot', 'store')]);
    await expect(read(['cold'], true, 5)).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    expect(gates[1]!.deadline.cancelled).toBe(true);
    gates[1]!.fail(new Error('cancelled'));
    const again = read(['cold']);
    await settle();
    gates[2]!.open();
    expect(await again).toEqual([row('cold', 'store')]);
    expect(facts.storeFailed).toEqual([]);
  });

  it('demand 24: at most so many reads run at once; too many waiting are shed as unavailable', async () => {
    const { store, gates } = gated();
    const { read, facts } = make(store);
    const calls = Array.from({ length: 2 + 64 + 1 }, (_, index) => read([`k${index}`]));
    await settle();
    expect(gates).toHaveLength(2);
    expect(facts.storeShed).toHaveLength(1);
    for (let index = 0; index < 66; index++) {
      gates[index]!.open();
      await settle();
    }
    const answers = (await Promise.all(calls)).flat();
    expect(answers.filter(({ state }) => state === 'unavailable')).toHaveLength(1);
    expect(answers.filter(({ state }) => state === 'row')).toHaveLength(66);
  });

  it('demand 24: a fresh read joins none, and an older one that ends later does not overwrite it', async () => {
    const gates: ((size: number) => void)[] = [];
    const store = new FakeStore(
      () => new Promise((resolve) => gates.push((size) => resolve([{ values: [size], updatedAt: null }]))),
    );
    const { read } = make(store);
    const older = read(['a']);
    const fresh = read(['a'], false);
    await settle();
    gates[1]!(2);
    expect(await fresh).toMatchObject([{ values: [2] }]);
    gates[0]!(1);
    expect(await older).toMatchObject([{ values: [1] }]);
    expect(await read(['a'])).toMatchObject([{ values: [2], origin: 'cache' }]);
  });
});
