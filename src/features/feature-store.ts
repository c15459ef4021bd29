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
  /** As `read`, for an engine in this process that answers in microseconds: returns and throws what `read` resolves and rejects with. */
  readNow?(lookups: readonly Lookup[]): (StoredRow | null)[];
  /** Everything wrong with the view's table (absent, a column missing, key not unique), in words; empty when good. */
  verify(view: FeatureView): Promise<readonly string[]>;
  /** Inserts or replaces rows in one transaction, creating the table when it is absent. Returns how many were written. */
  upsert(view: FeatureView, rows: readonly { key: EntityKey; row: StoredRow }[]): Promise<number>;
  /** Opens an import of any size: see StagedRows. One at a time. */
  stage(view: FeatureView): Promise<StagedRows>;
  /**
   * A text that differs from the last one whenever rows may have changed, by this process or another. Cheap: it is asked twice
   * a second. Fails as `read` does when the engine is out of reach.
   */
  dataVersion(): Promise<string> | string;
  close(): Promise<void>;
}

/** A row on its way into the store, and the line of the file that it came from. */
export interface NumberedRow {
  readonly key: EntityKey;
  readonly row: StoredRow;
  readonly line: number;
}

/** Why the store does not take a row. */
export type Refusal =
  | { readonly line: number; readonly reason: 'duplicate'; readonly firstLine: number }
  | { readonly line: number; readonly reason: 'key'; readonly expected: string };

/**
 * An import under way. Staged rows lie beside the table, on disk, and no reader sees any of them before `commit`, which makes
 * them all visible at once. `discard` leaves the table as it was. After either of the two the import is over.
 */
export interface StagedRows {
  /** Adds rows and returns those that were refused: their key was staged before, or the key column cannot hold it. */
  stage(rows: readonly NumberedRow[]): Promise<readonly Refusal[]>;
  /** Inserts or replaces all staged rows in one transaction, creating the table when it is absent. Returns how many. */
  commit(): Promise<number>;
  discard(): Promise<void>;
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
