import type { Deadline } from '../shared/deadline.js';
import type { EntityKey } from '../shared/feature-value.js';
import type { FeatureView, Lookup, StoredRow } from './view.js';

/**
 * Where stored features live. Implementations: `stores/sqlite-store`, later PostgreSQL.
 *
 * `read` answers in the order asked, null for an absent row, one round trip for all lookups where the engine can. It never
 * blocks past the deadline. An engine out of reach rejects with any Error: never with null, which means "no such row". A key
 * that the key column cannot hold rejects with EntityKeyError.
 */
export interface FeatureStore {
  read(lookups: readonly Lookup[], deadline: Deadline): Promise<(StoredRow | null)[]>;
  /** Everything wrong with the view's table (absent, a column missing, key not unique), in words; empty when good. */
  verify(view: FeatureView): Promise<readonly string[]>;
  /** Inserts or replaces rows in one transaction, creating the table when it is absent. Returns how many were written. */
  upsert(view: FeatureView, rows: readonly { key: EntityKey; row: StoredRow }[]): Promise<number>;
  close(): Promise<void>;
}

/** The key given cannot be converted to the key column's type: the caller's mistake. */
export class EntityKeyError extends Error {
  override readonly name = 'EntityKeyError';
  readonly entity: string;
  readonly expected: string;

  constructor(entity: string, expected: string) {
    super(`The key of ${entity} must be ${expected}`);
    this.entity = entity;
    this.expected = expected;
  }
}
