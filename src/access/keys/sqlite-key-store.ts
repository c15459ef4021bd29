import { SqliteDatabase, type SqliteStatement, type SqlResult, type SqlValue } from '../../shared/sqlite-database.js';
import type { KeyEntry } from './key-entry.js';
import type { KeyStore } from './key-store.js';

const schema = `CREATE TABLE IF NOT EXISTS api_keys (
  id TEXT PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  label TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  requests_per_minute INTEGER,
  rotation_group TEXT NOT NULL,
  replaced_by TEXT
) STRICT`;

const columns =
  'id, sha256, label, scopes, created_at, expires_at, revoked_at, requests_per_minute, rotation_group, replaced_by';

/** In the column `requests_per_minute` NULL is the default limit, and this is none. */
const unlimited = 0n;

/** Keys in one SQLite file, which servers and the command line open at the same time. */
export class SqliteKeyStore implements KeyStore {
  readonly #database: SqliteDatabase;
  readonly #insert: SqliteStatement;
  readonly #list: SqliteStatement;
  readonly #dataVersion: SqliteStatement;
  /** SQLite's `data_version` tells of other connections' commits only. */
  #ownChanges = 0;

  /** Makes the file, readable by its owner only, when it is absent. @throws Error when it cannot be made or is not a database. */
  constructor(file: string) {
    this.#database = new SqliteDatabase({ file, create: true, busyTimeoutMs: 2000 });
    this.#database.run(schema);
    this.#insert = this.#database.prepare(`INSERT INTO api_keys (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#list = this.#database.prepare(`SELECT ${columns} FROM api_keys ORDER BY created_at, rowid`);
    this.#dataVersion = this.#database.prepare('PRAGMA data_version');
  }

  insert(entry: KeyEntry): Promise<void> {
    return this.#change(() => void this.#insert.run(toRow(entry)));
  }

  list(): Promise<readonly KeyEntry[]> {
    return settled(() => this.#list.all([]).map(fromRow));
  }

  replace(id: string, successor: KeyEntry, overlapEnd: number): Promise<boolean> {
    const retire = this.#database.prepare(
      `UPDATE api_keys SET replaced_by = ?, expires_at = min(coalesce(expires_at, ?), ?)
       WHERE id = ? AND revoked_at IS NULL AND replaced_by IS NULL`,
    );
    const end = BigInt(overlapEnd);
    return this.#change(() => {
      if (retire.run([successor.id, end, end, id]) === 0) return false;
      this.#insert.run(toRow(successor));
      return true;
    });
  }

  revoke(id: string, at: number): Promise<boolean> {
    const revoke = this.#database.prepare('UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?');
    return this.#change(() => revoke.run([BigInt(at), id]) > 0);
  }

  changes(): Promise<string> {
    return settled(() => `${String(this.#dataVersion.get([])?.[0])}/${this.#ownChanges}`);
  }

  close(): Promise<void> {
    return settled(() => this.#database.close());
  }

  #change<T>(work: () => T): Promise<T> {
    return settled(() => {
      const result = this.#database.transaction(work);
      this.#ownChanges++;
      return result;
    });
  }
}

/** The engine answers at once; the port promises a promise that also carries what was thrown. */
function settled<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function toRow(entry: KeyEntry): SqlValue[] {
  const limit = entry.requestsPerMinute;
  return [
    entry.id,
    entry.sha256,
    entry.label,
    entry.scopes.join(' '),
    BigInt(entry.createdAt),
    entry.expiresAt === null ? null : BigInt(entry.expiresAt),
    entry.revokedAt === null ? null : BigInt(entry.revokedAt),
    limit === undefined ? null : limit === null ? unlimited : BigInt(limit),
    entry.rotationGroup,
    entry.replacedBy,
  ];
}

function fromRow(row: SqlResult[]): KeyEntry {
  const [id, sha256, label, scopes, createdAt, expiresAt, revokedAt, limit, rotationGroup, replacedBy] = row;
  return {
    id: String(id),
    sha256: String(sha256),
    label: String(label),
    scopes: String(scopes).split(' '),
    createdAt: Number(createdAt),
    expiresAt: timeOf(expiresAt),
    revokedAt: timeOf(revokedAt),
    ...(typeof limit === 'bigint' && { requestsPerMinute: limit === unlimited ? null : Number(limit) }),
    rotationGroup: String(rotationGroup),
    replacedBy: typeof replacedBy === 'string' ? replacedBy : null,
  };
}

function timeOf(value: SqlResult | undefined): number | null {
  return typeof value === 'bigint' ? Number(value) : null;
}
