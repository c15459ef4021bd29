import type { PostgresPool, PostgresRow } from '../../shared/postgres/pool.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import type { KeyEntry } from './key-entry.js';
import type { KeyStore } from './key-store.js';

const columns =
  'id, sha256, label, scopes, created_at, expires_at, revoked_at, requests_per_minute, rotation_group, replaced_by';
const parameters = '$1, $2, $3, $4, $5::bigint, $6::bigint, $7::bigint, $8::integer, $9, $10';

/** In the column `requests_per_minute` NULL is the default limit, and this is none. */
const unlimited = '0';

/** Keys in PostgreSQL, for several instances. Each operation is one statement, so it is atomic. */
export class PostgresKeyStore implements KeyStore {
  readonly #pool: PostgresPool;
  readonly #keys: string;
  readonly #changes: string;
  readonly #onClose: () => Promise<void>;

  /** `schema` is where the program's own tables are. The pool is closed by whoever made it, at the latest by `onClose`. */
  constructor(pool: PostgresPool, schema: string, onClose = () => Promise.resolve()) {
    this.#pool = pool;
    this.#onClose = onClose;
    this.#keys = `${quoteIdentifier(schema)}.api_keys`;
    this.#changes = `${quoteIdentifier(schema)}.api_key_changes`;
  }

  async insert(entry: KeyEntry): Promise<void> {
    const text = `INSERT INTO ${this.#keys} (${columns}) VALUES (${parameters})`;
    await this.#pool.query({ text, values: toValues(entry) });
  }

  async list(): Promise<readonly KeyEntry[]> {
    const rows = await this.#pool.query({ text: `SELECT ${columns} FROM ${this.#keys} ORDER BY created_at, position` });
    return rows.map(fromRow);
  }

  async replace(id: string, successor: KeyEntry, overlapEnd: number): Promise<boolean> {
    const text = `
      WITH retired AS (
        UPDATE ${this.#keys} SET replaced_by = $1, expires_at = least(expires_at, $11::bigint)
        WHERE id = $12 AND revoked_at IS NULL AND replaced_by IS NULL RETURNING id)
      INSERT INTO ${this.#keys} (${columns}) SELECT ${parameters} FROM retired RETURNING id`;
    const rows = await this.#pool.query({ text, values: [...toValues(successor), String(overlapEnd), id] });
    return rows.length > 0;
  }

  async revoke(id: string, at: number): Promise<boolean> {
    const text = `UPDATE ${this.#keys} SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2 RETURNING id`;
    return (await this.#pool.query({ text, values: [String(at), id] })).length > 0;
  }

  async changes(): Promise<string> {
    const [row] = await this.#pool.query({ name: 'api_key_changes', text: `SELECT changes FROM ${this.#changes}` });
    return String(row?.[0]);
  }

  close(): Promise<void> {
    return this.#onClose();
  }
}

function toValues(entry: KeyEntry): (string | null)[] {
  const limit = entry.requestsPerMinute;
  return [
    entry.id,
    entry.sha256,
    entry.label,
    entry.scopes.join(' '),
    String(entry.createdAt),
    entry.expiresAt === null ? null : String(entry.expiresAt),
    entry.revokedAt === null ? null : String(entry.revokedAt),
    limit === undefined ? null : limit === null ? unlimited : String(limit),
    entry.rotationGroup,
    entry.replacedBy,
  ];
}

function fromRow(row: PostgresRow): KeyEntry {
  const [id, sha256, label, scopes, createdAt, expiresAt, revokedAt, limit, rotationGroup, replacedBy] = row;
  return {
    id: String(id),
    sha256: String(sha256),
    label: String(label),
    scopes: String(scopes).split(' '),
    createdAt: Number(createdAt),
    expiresAt: timeOf(expiresAt),
    revokedAt: timeOf(revokedAt),
    ...(typeof limit === 'string' && { requestsPerMinute: limit === unlimited ? null : Number(limit) }),
    rotationGroup: String(rotationGroup),
    replacedBy: replacedBy ?? null,
  };
}

function timeOf(text: string | null | undefined): number | null {
  return typeof text === 'string' ? Number(text) : null;
}
