import { crc32 } from 'node:zlib';
import type { FeatureScalar } from '../shared/feature-value.js';
import type { FeatureView, StoredRow } from './view.js';

/** What one cache entry says: a row, or that there is none; and when that was read from the store (ms since the epoch). */
export interface CachedRow {
  /** null: the store has no such row. */
  readonly row: StoredRow | null;
  readonly fetchedAt: number;
}

export type UnpackFault = 'poisoned' | 'truncated' | 'old_schema';

/*
 * Layout, little-endian: format u8, kind u8, fingerprint 8 bytes, fetchedAt f64, updatedAt f64, the values, CRC-32 of all
 * before it u32. A value is a tag u8 and what the tag needs: an i32, an f64, or a u32 length and UTF-8.
 */
const format = 1;
const kinds = { absent: 0, undated: 1, dated: 2 } as const;
const tags = { null: 0, false: 1, true: 2, int32: 3, float64: 4, string: 5 } as const;
const headerBytes = 26;
const crcBytes = 4;

/** Packs what the store answered for one entity: 30 bytes, and about 9 for each number. */
export function packRow(view: FeatureView, { row, fetchedAt }: CachedRow): Buffer {
  const packed = Buffer.allocUnsafe(sizeOf(row));
  packed[0] = format;
  packed[1] = row === null ? kinds.absent : row.updatedAt === null ? kinds.undated : kinds.dated;
  packed.write(view.fingerprint, 2, 8, 'hex');
  packed.writeDoubleLE(fetchedAt, 10);
  packed.writeDoubleLE(row?.updatedAt ?? 0, 18);
  let offset = headerBytes;
  for (const value of row?.values ?? []) offset = writeValue(packed, offset, value);
  packed.writeUInt32LE(crc32(packed.subarray(0, offset)), offset);
  return packed;
}

/** Reads an entry back; says why when it cannot be trusted: damaged, cut off, or of another definition of the view. Never throws. */
export function unpackRow(view: FeatureView, packed: Buffer): CachedRow | UnpackFault {
  const end = packed.length - crcBytes;
  if (end < headerBytes) return 'truncated';
  if (packed[0] !== format) return 'old_schema';
  if (crc32(packed.subarray(0, end)) !== packed.readUInt32LE(end)) return 'poisoned';
  if (packed.toString('hex', 2, 10) !== view.fingerprint) return 'old_schema';
  const fetchedAt = packed.readDoubleLE(10);
  const kind = packed[1];
  if (kind === kinds.absent) return end === headerBytes ? { row: null, fetchedAt } : 'poisoned';
  if (kind !== kinds.dated && kind !== kinds.undated) return 'poisoned';
  const values = readValues(packed, end, view.features.length);
  if (values === undefined) return 'poisoned';
  return { row: { values, updatedAt: kind === kinds.dated ? packed.readDoubleLE(18) : null }, fetchedAt };
}

function sizeOf(row: StoredRow | null): number {
  let size = headerBytes + crcBytes;
  for (const value of row?.values ?? []) size += 1 + payloadBytes(value);
  return size;
}

function payloadBytes(value: FeatureScalar): number {
  if (typeof value === 'string') return 4 + Buffer.byteLength(value);
  if (typeof value === 'number') return isInt32(value) ? 4 : 8;
  return 0;
}

/** -0 is not one: it would come back as 0. */
function isInt32(value: number): boolean {
  return (value | 0) === value && !Object.is(value, -0);
}

function writeValue(packed: Buffer, offset: number, value: FeatureScalar): number {
  const at = offset + 1;
  if (typeof value === 'number') return writeNumber(packed, offset, value);
  if (typeof value === 'string') {
    packed[offset] = tags.string;
    const length = packed.write(value, at + 4);
    return packed.writeUInt32LE(length, at) + length;
  }
  packed[offset] = value === null ? tags.null : value ? tags.true : tags.false;
  return at;
}

function writeNumber(packed: Buffer, offset: number, value: number): number {
  const short = isInt32(value);
  packed[offset] = short ? tags.int32 : tags.float64;
  return short ? packed.writeInt32LE(value, offset + 1) : packed.writeDoubleLE(value, offset + 1);
}

/** undefined when the bytes do not hold exactly `count` values. */
function readValues(packed: Buffer, end: number, count: number): FeatureScalar[] | undefined {
  const values: FeatureScalar[] = [];
  let offset = headerBytes;
  while (offset < end && values.length < count) {
    const length = valueBytes(packed, offset, end);
    if (length === undefined || offset + length > end) return undefined;
    values.push(readValue(packed, offset, length));
    offset += length;
  }
  return offset === end && values.length === count ? values : undefined;
}

/** Length of the value at `offset` with its tag; undefined for a tag that does not exist. */
function valueBytes(packed: Buffer, offset: number, end: number): number | undefined {
  switch (packed[offset]) {
    case tags.null:
    case tags.false:
    case tags.true:
      return 1;
    case tags.int32:
      return 5;
    case tags.float64:
      return 9;
    case tags.string:
      return offset + 5 <= end ? 5 + packed.readUInt32LE(offset + 1) : undefined;
    default:
      return undefined;
  }
}

function readValue(packed: Buffer, offset: number, length: number): FeatureScalar {
  switch (packed[offset]) {
    case tags.int32:
      return packed.readInt32LE(offset + 1);
    case tags.float64:
      return packed.readDoubleLE(offset + 1);
    case tags.string:
      return packed.toString('utf8', offset + 5, offset + length);
    case tags.null:
      return null;
    default:
      return packed[offset] === tags.true;
  }
}
