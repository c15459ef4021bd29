import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { declareKey, KeyAdministration } from './key-administration.js';
import { hashKey, isWellFormedKey } from './key-format.js';
import { parseKeysFile } from './keys-file.js';
import { SqliteKeyStore } from './sqlite-key-store.js';

const day = 86_400_000;
let folder: string;
let clock: ManualClock;
let store: SqliteKeyStore;
let keys: KeyAdministration;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'keys-'));
  clock = new ManualClock();
  store = new SqliteKeyStore(path.join(folder, 'keys.db'));
  keys = new KeyAdministration(store, clock);
});
afterEach(async () => {
  await keys.close();
  await rm(folder, { recursive: true });
});

const states = async (): Promise<string[]> => (await keys.list()).map(({ state }) => state);

describe('keys', () => {
  it('are made with what was asked for', async () => {
    const { id, secret } = await keys.create({
      label: 'shop',
      scopes: ['predict:a', 'predict:a'],
      requestsPerMinute: null,
    });
    expect(isWellFormedKey(secret)).toBe(true);
    const [entry] = await store.list();
    expect(entry).toMatchObject({ id, sha256: hashKey(secret), scopes: ['predict:a'], requestsPerMinute: null });
    expect(await keys.list()).toEqual([
      {
        id,
        label: 'shop',
        scopes: ['predict:a'],
        createdAt: '2026-01-01T00:00:00.000Z',
        expiresAt: null,
        state: 'active',
      },
    ]);
  });

  it('demand 28: are nowhere at rest in plain text', async () => {
    const first = await keys.create({ label: 'shop', scopes: ['admin'] });
    const second = await keys.rotate(first.id, 60);
    const files = readdirSync(folder);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const bytes = readFileSync(path.join(folder, file));
      expect(bytes.includes(first.secret.slice(9, 31))).toBe(false);
      expect(bytes.includes(second.secret.slice(9, 31))).toBe(false);
    }
  });

  it('demand 28: are rotated with an overlap, and keep their limit together', async () => {
    const first = await keys.create({ label: 'shop', scopes: ['predict:*'], requestsPerMinute: 7 });
    const second = await keys.rotate(first.id, 3600);
    expect(await states()).toEqual(['replaced', 'active']);
    const [old, successor] = await store.list();
    expect(successor).toMatchObject({ rotationGroup: old?.rotationGroup, requestsPerMinute: 7, scopes: ['predict:*'] });
    clock.advance(3_600_000);
    expect(await states()).toEqual(['expired', 'active']);
    await expect(keys.rotate(first.id, 0)).rejects.toThrow('is expired');
    expect(second.id).not.toBe(first.id);
  });

  it('live as long after a rotation as they were made to', async () => {
    const expiresAt = new Date(clock.now() + 90 * day);
    const { id } = await keys.create({ label: 'shop', scopes: ['admin'], expiresAt });
    clock.advance(80 * day);
    await keys.rotate(id, 30 * 86_400);
    const [old, successor] = await store.list();
    expect(old?.expiresAt).toBe(expiresAt.getTime());
    expect(successor?.expiresAt).toBe(clock.now() + 90 * day);
  });

  it('cannot be rotated twice, nor when they are gone', async () => {
    const { id } = await keys.create({ label: 'shop', scopes: ['admin'] });
    const second = await keys.rotate(id, 60);
    await expect(keys.rotate(id, 60)).rejects.toThrow(`rotate ${second.id} instead`);
    await keys.revoke(second.id);
    await expect(keys.rotate(second.id, 60)).rejects.toThrow('is revoked');
    await expect(keys.rotate('key_x', 60)).rejects.toThrow('There is no key key_x');
  });

  it('say so when two rotate one at the same time', async () => {
    const { id } = await keys.create({ label: 'shop', scopes: ['admin'] });
    const results = await Promise.allSettled([keys.rotate(id, 60), keys.rotate(id, 60)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await states()).toHaveLength(2);
  });

  it('are revoked', async () => {
    const { id } = await keys.create({ label: 'shop', scopes: ['admin'] });
    expect(await keys.revoke(id)).toBe(true);
    expect(await keys.revoke('key_x')).toBe(false);
    expect(await states()).toEqual(['revoked']);
  });

  it('are refused with all that is wrong', async () => {
    const request = { label: 'a\nb', scopes: ['predict:../x', 'root'], requestsPerMinute: 0, expiresAt: new Date('x') };
    await expect(keys.create(request)).rejects.toThrow(
      /label.*"predict:..\/x" is no scope.*"root".*no date.*requests a minute/s,
    );
    await expect(keys.create({ label: 'a', scopes: [] })).rejects.toThrow('at least one scope');
    expect(await keys.list()).toEqual([]);
  });
});

describe('a declared key', () => {
  it('comes with an entry that the keys file takes', () => {
    const expiresAt = new Date('2027-01-01T00:00:00Z');
    const request = { label: 'a: "b" # c', scopes: ['predict:*', 'admin'], expiresAt, requestsPerMinute: 5 };
    const { id, secret, entry } = declareKey(request);
    const unlimited = keys.hashOnly({ label: 'x', scopes: ['admin'], requestsPerMinute: null });
    const plain = keys.hashOnly({ label: 'x', scopes: ['admin'] });
    const entries = parseKeysFile('keys.yaml', entry + unlimited.entry + plain.entry);
    expect(entries).toHaveLength(3);
    expect(entries[0]).toMatchObject({
      id,
      sha256: hashKey(secret),
      label: request.label,
      scopes: request.scopes,
      expiresAt: expiresAt.getTime(),
      requestsPerMinute: 5,
    });
    expect(entries[1]?.requestsPerMinute).toBeNull();
    expect(entries[2]).not.toHaveProperty('requestsPerMinute');
    expect(entry).not.toContain(secret);
  });
});
