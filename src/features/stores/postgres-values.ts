import type { EntityKey, FeatureScalar } from '../../shared/feature-value.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import { EntityKeyError } from '../feature-store.js';
import { parseStoredTimestamp } from '../stored-timestamp.js';
import type { Column, ColumnKind } from './postgres-table.js';

const wholeNumber = /^(0|-?[1-9]\d*)$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Bits of the whole-number types. A numeric column takes 38 digits. */
const bits: Readonly<Record<string, bigint>> = { int2: 16n, int4: 32n, int8: 64n };
const mostDigits = 38;

/**
 * The key as a text that the column's type reads back as the same key, so that the comparison is by that type and uses the index.
 * @throws EntityKeyError when the column cannot hold it.
 */
export function toKeyText(entity: string, key: EntityKey, column: Column): string {
  if (typeof key === 'number' && !Number.isSafeInteger(key))
    throw new EntityKeyError(entity, 'a string or a safe integer');
  const text = String(key);
  if (column.kind === 'integer' || column.kind === 'number') return wholeNumberKey(entity, text, column);
  if (column.kind === 'uuid') {
    if (!uuid.test(text)) throw new EntityKeyError(entity, 'a UUID');
    return text;
  }
  // The server has no text with NUL, and a lone surrogate would be sent as U+FFFD, which may be another entity's.
  if (text.includes('\0') || /\p{Surrogate}/u.test(text))
    throw new EntityKeyError(entity, 'well-formed text without NUL');
  return text;
}

function wholeNumberKey(entity: string, text: string, { type }: Column): string {
  if (!wholeNumber.test(text) || text.length > mostDigits) throw new EntityKeyError(entity, 'a whole number');
  const width = bits[type];
  if (width !== undefined && BigInt.asIntN(Number(width), BigInt(text)) !== BigInt(text)) {
    throw new EntityKeyError(entity, type === 'int8' ? 'a whole number' : `a whole number of ${width} bits`);
  }
  return text;
}

/** The type in which keys are sent: whole numbers of all widths compare by one index. */
export function keyCast({ kind, type, cast }: Column): string {
  if (kind === 'integer') return 'bigint';
  return type === 'varchar' || type === 'name' ? 'text' : cast;
}

/** SQL for a column's value as text; of a type that no feature can have, only whether there is one. */
export function valueSql({ name, kind }: Pick<Column, 'name' | 'kind'>): string {
  const column = `t.${quoteIdentifier(name)}`;
  return kind === 'other' || kind === 'timestamp' ? `CASE WHEN ${column} IS NOT NULL THEN '' END` : `${column}::text`;
}

/** SQL for a time as text: seconds since the epoch where the column is a timestamptz. */
export function timestampSql({ name, kind }: Pick<Column, 'name' | 'kind'>): string {
  return kind === 'timestamp' ? `extract(epoch FROM t.${quoteIdentifier(name)})::text` : valueSql({ name, kind });
}

/** What `valueSql` gave, as the column's type has it; NaN for what no feature type can hold. */
export function fromText(text: string | null | undefined, kind: ColumnKind): FeatureScalar {
  return text === null || text === undefined ? null : readers[kind](text);
}

const asIs = (text: string) => text;
const unreadable = () => Number.NaN;

const readers: Readonly<Record<ColumnKind, (text: string) => FeatureScalar>> = {
  integer: Number,
  number: Number,
  boolean: (text) => text === 'true' || (text === 'false' ? false : Number.NaN),
  text: asIs,
  enum: asIs,
  uuid: asIs,
  timestamp: unreadable,
  other: unreadable,
};

/** What `timestampSql` gave, in milliseconds since the epoch; NaN when it is empty or cannot be read. */
export function timestampFromText(text: string | null | undefined, kind: ColumnKind): number {
  if (text === null || text === undefined || text === '') return Number.NaN;
  return parseStoredTimestamp(kind === 'text' ? text : Number(text));
}

/** A time as the column takes it: epoch seconds in a numeric column, else ISO 8601. null where it is not known. */
export function timestampToText(updatedAt: number | null, kind: ColumnKind): string | null {
  if (updatedAt === null || Number.isNaN(updatedAt)) return null;
  if (kind === 'integer') return String(Math.floor(updatedAt / 1000));
  return kind === 'number' ? String(updatedAt / 1000) : new Date(updatedAt).toISOString();
}

/** @throws TypeError for what the server cannot hold unchanged: NaN, or a text with NUL. */
export function toText(value: FeatureScalar): string | null {
  if (value === null) return null;
  if (Number.isNaN(value) || (typeof value === 'string' && value.includes('\0')))
    throw new TypeError('A value that PostgreSQL cannot hold unchanged');
  return String(value);
}
