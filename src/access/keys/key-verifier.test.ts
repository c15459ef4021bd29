import { mkdtempSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import type { AccessObserver } from '../observer.js';
import { declareKey, KeyAdministration } from './key-administration.js';
import { generateKey } from './key-format.js';
import { keyRefreshMs, KeyVerifier } from './key-verifier.js';
import type { KeyStore } from './key-store.js';
import { SqliteKeyStore } from './sqlite-key-store.js';

let folder: string;
let clock: ManualClock;
let facts: string[];
let ticks: (() => void)[];
let stopped: number;
let opened: KeyVerifier[];
let stores: SqliteKeyStore[];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'keys-'));
  clock = new ManualClock();
  facts = [];
  ticks = [];
  stopped = 0;
  opened = [];
  stores = [];
});
afterEach(async () => {
  for (const verifier of opened) await verifier.close();
  for (const store of stores) await store.close();
  await rm(folder, { recursive: true });
});

function openStore(): SqliteKeyStore {
  const store = new SqliteKeyStore(path.join(folder, 'keys.db'));
  stores.push(store);
  return store;
}

async function openVerifier(keysFile?: string, keyStore: KeyStore = openStore()): Promise<KeyVerifier> {
  const nothing = (): void => undefined;
  const observer: AccessObserver = {
    authOk: nothing,
    authFailed: nothing,
    keysReloaded: (source, keys) => void facts.push(`${source}: ${keys} keys`),
    keysUnavailable: (source, reason) => void facts.push(`${source} unavailable: ${reason.split(',', 1)[0]}`),
    keysFileInvalid: (problems) => void facts.push(`invalid: ${problems.length} problems`),
    jwksFetch: nothing,
    rateLimited: nothing,
    limiterDegraded: nothing,
    limiterOverflow: nothing,
  };
  const timers = {
    every: (milliseconds: number, work: () => void) => {
      expect(milliseconds).toBe(keyRefreshMs);
      ticks.push(work);
      return () => void stopped++;
    },
    after: () => nothing,
    endOfTurn: nothing,
    endOfCallback: nothing,
  };
  const verifier = await KeyVerifier.open({ keyStore, keysFile, clock, timers, observer });
  opened.push(verifier);
  return verifier;
}

/** What the timer does, and the work that it starts. */
async function tick(): Promise<void> {
  for (const work of ticks) work();
  await Promise.all(opened.map((verifier) => verifier.refresh()));
}

describe('keys of the store', () => {
  it('demand 28: revoked by another process are refused in all workers at the next refresh, within 30 s', async () => {
    expect(keyRefreshMs).toBeLessThanOrEqual(10_000);
    const keys = new KeyAdministration(openStore(), clock);
    const { id, secret } = await keys.create({ label: 'shop', scopes: ['admin'], requestsPerMinute: 3 });
    const workers = [await openVerifier(), await openVerifier()];
    const principal = { id, clientId: 'shop', scopes: ['admin'], requestsPerMinute: 3 };
    for (const worker of workers) expect(worker.verify(secret)).toEqual(principal);
    await keys.revoke(id);
    await tick();
    for (const worker of workers) expect(worker.verify(secret)).toBe('revoked');
  });

  it('demand 28: rotated, both verify in the overlap, as one caller', async () => {
    const keys = new KeyAdministration(openStore(), clock);
    const old = await keys.create({ label: 'shop', scopes: ['admin'] });
    const worker = await openVerifier();
    const successor = await keys.rotate(old.id, 60);
    await tick();
    expect(worker.verify(old.secret)).toEqual(worker.verify(successor.secret));
    clock.advance(60_000);
    expect(worker.verify(old.secret)).toBe('expired');
    expect(worker.verify(successor.secret)).toMatchObject({ id: old.id });
  });

  it('are not read again while nothing changes', async () => {
    await openVerifier();
    await tick();
    await tick();
    expect(facts).toEqual(['store: 0 keys']);
  });

  it('go on to verify while the store is out of reach, which is told once', async () => {
    const keys = new KeyAdministration(openStore(), clock);
    const { secret } = await keys.create({ label: 'shop', scopes: ['admin'] });
    const store = openStore();
    let down = false;
    const worker = await openVerifier(undefined, {
      insert: (entry) => store.insert(entry),
      list: () => store.list(),
      replace: () => Promise.resolve(false),
      revoke: () => Promise.resolve(false),
      changes: () => (down ? Promise.reject(new Error('disk I/O error')) : store.changes()),
      close: () => Promise.resolve(),
    });
    down = true;
    await tick();
    await tick();
    expect(worker.verify(secret)).toMatchObject({ clientId: 'shop' });
    expect(facts).toEqual(['store: 1 keys', 'store unavailable: disk I/O error']);
  });

  it('are asked for anew at most every quarter of a second, and once for all who ask together', async () => {
    const worker = await openVerifier();
    expect(worker.mayBeOutdated).toBe(false);
    clock.advance(250);
    expect(worker.mayBeOutdated).toBe(true);
    expect(worker.refresh()).toBe(worker.refresh());
    await worker.refresh();
    expect(worker.mayBeOutdated).toBe(false);
    expect(worker.verify(generateKey())).toBe('unknown');
  });

  it('are no longer refreshed once closed', async () => {
    const worker = await openVerifier();
    await worker.close();
    expect(stopped).toBe(1);
  });
});

describe('keys of the file', () => {
  const file = (): string => path.join(folder, 'keys.yaml');
  const declared = declareKey({ label: 'file', scopes: ['admin'] });

  it('verify beside those of the store', async () => {
    await writeFile(file(), declared.entry);
    const worker = await openVerifier(file());
    expect(worker.verify(declared.secret)).toEqual({ id: declared.id, clientId: 'file', scopes: ['admin'] });
    expect(facts).toEqual(['store: 0 keys', 'file: 1 keys']);
  });

  it('are read again when the file is replaced', async () => {
    await writeFile(file(), declared.entry);
    const worker = await openVerifier(file());
    const other = declareKey({ label: 'other', scopes: ['admin'] });
    await writeFile(`${file()}.new`, other.entry);
    await rename(`${file()}.new`, file());
    await tick();
    expect(worker.verify(declared.secret)).toBe('unknown');
    expect(worker.verify(other.secret)).toMatchObject({ clientId: 'other' });
  });

  it('that went bad leave the last good ones in force, and are told once', async () => {
    await writeFile(file(), declared.entry);
    const worker = await openVerifier(file());
    await writeFile(file(), '- {label: a}\n- {}\n');
    await tick();
    await tick();
    expect(worker.verify(declared.secret)).toMatchObject({ clientId: 'file' });
    expect(facts.slice(2)).toEqual(['invalid: 5 problems']);
  });

  it('that vanished leave the last ones in force until the file is back', async () => {
    await writeFile(file(), declared.entry);
    const worker = await openVerifier(file());
    await rm(file());
    await tick();
    await tick();
    expect(worker.verify(declared.secret)).toMatchObject({ clientId: 'file' });
    await writeFile(file(), '');
    await tick();
    expect(worker.verify(declared.secret)).toBe('unknown');
    expect(facts.slice(2)).toEqual([expect.stringMatching(/^file unavailable: ENOENT/), 'file: 0 keys']);
  });

  it('stop the start when the file is bad', async () => {
    await writeFile(file(), '- {}');
    await expect(openVerifier(file())).rejects.toThrow('keys file cannot be used');
  });
});
