import { EntityKeyError } from '../feature-store.js';
import type { EntityKey, FeatureScalar, FeatureType } from '../../shared/feature-value.js';
import { parseStoredTimestamp } from '../stored-timestamp.js';
import type { FeatureView, StoredRow } from '../view.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import type { SqlResult, SqlValue } from '../../shared/sqlite-database.js';

/** How SQLite stores a column, from its declared type (https://sqlite.org/datatype3.html, section 3.1). */
export type Affinity = 'integer' | 'text' | 'other';

export function affinityOf(declaredType: string): Affinity {
  const type = declaredType.toUpperCase();
  if (type.includes('INT')) return 'integer';
  return /CHAR|CLOB|TEXT/.test(type) ? 'text' : 'other';
}

const wholeNumber = /^(0|-?[1-9]\d{0,18})$/;
const int64 = 2n ** 63n;

/**
 * The key as the column holds it, so that a comparison needs no conversion and uses the index.
 * @throws EntityKeyError when the column cannot hold it: an integer column, and a text that is not one in its shortest form.
 */
export function toKeyValue(entity: string, key: EntityKey, affinity: Affinity): SqlValue {
  if (typeof key === 'number') {
    if (!Number.isSafeInteger(key)) throw new EntityKeyError(entity, 'a string or a safe integer');
    return affinity === 'text' ? String(key) : BigInt(key);
  }
  // A lone surrogate is stored as U+FFFD and a text is read back only up to a NUL: either would answer for another entity.
  if (key.includes('\0') || /\p{Surrogate}/u.test(key))
    throw new EntityKeyError(entity, 'well-formed text without NUL');
  return affinity === 'integer' ? integerKey(entity, key) : key;
}

function integerKey(entity: string, key: string): bigint {
  const value = wholeNumber.test(key) ? BigInt(key) : int64;
  if (value >= int64 || value < -int64) throw new EntityKeyError(entity, 'a whole number');
  return value;
}

/** Features in the view's order, then the timestamp where there is one. */
export function fromSqlRow(view: FeatureView, columns: readonly SqlResult[]): StoredRow {
  const values = view.features.map(({ type }, index) => fromSqlValue(columns[index] ?? null, type));
  const updatedAt = view.timestamp === undefined ? null : parseStoredTimestamp(columns[view.features.length]);
  return { values, updatedAt };
}

function fromSqlValue(value: SqlResult, type: FeatureType): FeatureScalar {
  if (typeof value === 'bigint')
    return type === 'boolean' && (value === 0n || value === 1n) ? value === 1n : Number(value);
  if (typeof value === 'object' && value !== null) return Number.NaN;
  return value;
}

/** @throws TypeError for what SQLite cannot hold unchanged: NaN, or a text with NUL. */
export function toSqlValue(value: FeatureScalar): SqlValue {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  return value;
}

/** A time as the column holds it: epoch seconds in a numeric column, else ISO 8601. */
export function toSqlTimestamp(updatedAt: number | null, affinity: Affinity): SqlValue {
  if (updatedAt === null || Number.isNaN(updatedAt)) return null;
  if (affinity !== 'integer') return new Date(updatedAt).toISOString();
  return BigInt(Math.floor(updatedAt / 1000));
}

/** SQLite has no schemas: `main.table` is a table, any other `schema.table` the name of one, so that one features.yaml fits both engines. */
export function tableName(view: FeatureView): string {
  return view.table.startsWith('main.') ? view.table.slice('main.'.length) : view.table;
}

export function quotedTable(view: FeatureView): string {
  return quoteIdentifier(tableName(view));
}

/** Key, features, timestamp: the columns of one view, in the order in which rows are written. */
export function columnNames(view: FeatureView): string[] {
  const features = view.features.map(({ name }) => name);
  return [view.key, ...features, ...(view.timestamp === undefined ? [] : [view.timestamp])];
}
