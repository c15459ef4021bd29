import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyEntry } from './key-entry.js';
import { hashKey } from './key-format.js';
import type { KeyStore } from './key-store.js';

export function keyEntry(id: string, changes: Partial<KeyEntry> = {}): KeyEntry {
  return {
    id,
    sha256: hashKey(id),
    label: 'shop',
    scopes: ['predict:*', 'models:read'],
    createdAt: 1_700_000_000_000,
    expiresAt: null,
    revokedAt: null,
    rotationGroup: id,
    replacedBy: null,
    ...changes,
  };
}

/** `open` opens the same, at first empty store each time within one test. */
export function keyStoreContract(name: string, open: () => Promise<KeyStore>, cleanUp: () => Promise<void>): void {
  describe(`${name} as a key store`, () => {
    let store: KeyStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
      await cleanUp();
    });

    it('gives back what was put in, in that order', async () => {
      const entries = [
        keyEntry('a'),
        keyEntry('b', { requestsPerMinute: 5, expiresAt: 1_900_000_000_123, label: 'Käse "x" 😀' }),
        keyEntry('c', { requestsPerMinute: null, scopes: ['predict:m.1'], rotationGroup: 'a' }),
        keyEntry('d', { revokedAt: 1_800_000_000_000, replacedBy: 'e' }),
      ];
      for (const entry of entries) await store.insert(entry);
      expect(await store.list()).toEqual(entries);
    });

    it('refuses an id or a hash twice, and changes nothing', async () => {
      await store.insert(keyEntry('a'));
      await expect(store.insert(keyEntry('a', { sha256: hashKey('other') }))).rejects.toThrow();
      await expect(store.insert(keyEntry('b', { sha256: hashKey('a') }))).rejects.toThrow();
      expect(await store.list()).toEqual([keyEntry('a')]);
    });

    it('replaces a key, which then has an end', async () => {
      await store.insert(keyEntry('a'));
      expect(await store.replace('a', keyEntry('b', { rotationGroup: 'a' }), 1_800_000_000_000)).toBe(true);
      expect(await store.list()).toEqual([
        keyEntry('a', { replacedBy: 'b', expiresAt: 1_800_000_000_000 }),
        keyEntry('b', { rotationGroup: 'a' }),
      ]);
    });

    it('keeps an end that comes before that of the overlap', async () => {
      await store.insert(keyEntry('a', { expiresAt: 1_750_000_000_000 }));
      await store.replace('a', keyEntry('b'), 1_800_000_000_000);
      expect((await store.list())[0]?.expiresAt).toBe(1_750_000_000_000);
    });

    it('does not replace what is unknown, revoked or replaced', async () => {
      await store.insert(keyEntry('revoked', { revokedAt: 1 }));
      await store.insert(keyEntry('replaced', { replacedBy: 'x' }));
      const before = await store.list();
      for (const id of ['unknown', 'revoked', 'replaced'])
        expect(await store.replace(id, keyEntry('new'), 2_000_000_000_000)).toBe(false);
      expect(await store.list()).toEqual(before);
    });

    it('replaces nothing when the successor cannot be put in', async () => {
      await store.insert(keyEntry('a'));
      await store.insert(keyEntry('b'));
      await expect(store.replace('a', keyEntry('b'), 2_000_000_000_000)).rejects.toThrow();
      expect(await store.list()).toEqual([keyEntry('a'), keyEntry('b')]);
    });

    it('revokes once: the first time stays', async () => {
      await store.insert(keyEntry('a'));
      expect(await store.revoke('a', 1000)).toBe(true);
      expect(await store.revoke('a', 2000)).toBe(true);
      expect((await store.list())[0]?.revokedAt).toBe(1000);
      expect(await store.revoke('unknown', 1000)).toBe(false);
    });

    it('tells of changes, its own and those of others', async () => {
      const seen = [await store.changes()];
      expect(await store.changes()).toBe(seen[0]);
      await store.insert(keyEntry('a'));
      seen.push(await store.changes());
      const other = await open();
      await other.insert(keyEntry('b'));
      seen.push(await store.changes());
      await other.revoke('a', 1);
      seen.push(await store.changes());
      await other.close();
      expect(new Set(seen).size).toBe(4);
      expect((await store.list()).map(({ id, revokedAt }) => [id, revokedAt])).toEqual([
        ['a', 1],
        ['b', null],
      ]);
    });
  });
}
