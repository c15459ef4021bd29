import { mkdtempSync, statSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { keyEntry, keyStoreContract } from './key-store.contract.js';
import { SqliteKeyStore } from './sqlite-key-store.js';

let folder: string | undefined;
const file = (): string => path.join((folder ??= mkdtempSync(path.join(tmpdir(), 'keys-'))), 'state', 'keys.db');
const cleanUp = async (): Promise<void> => {
  if (folder !== undefined) await rm(folder, { recursive: true });
  folder = undefined;
};

keyStoreContract('SQLite', () => Promise.resolve(new SqliteKeyStore(file())), cleanUp);

describe('the SQLite key store', () => {
  it('makes its file readable by the owner only', async () => {
    const store = new SqliteKeyStore(file());
    await store.insert(keyEntry('a'));
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file())).mode & 0o777).toBe(0o700);
    await store.close();
    await cleanUp();
  });

  it('keeps keys over a restart', async () => {
    const first = new SqliteKeyStore(file());
    await first.insert(keyEntry('a'));
    await first.close();
    const second = new SqliteKeyStore(file());
    expect(await second.list()).toEqual([keyEntry('a')]);
    await second.close();
    await cleanUp();
  });

  it('refuses a file that is no database', async () => {
    const other = path.join(path.dirname(path.dirname(file())), 'other.db');
    await writeFile(other, 'no database at all, but long enough to be taken for one'.repeat(100));
    expect(() => new SqliteKeyStore(other)).toThrow(/not a database/);
    await cleanUp();
  });
});
