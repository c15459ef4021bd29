import { crc32 } from 'node:zlib';

/*
 * One record of a segment file, integers little endian:
 *
 *   u32 length of the payload | u32 CRC-32 of the payload | payload
 *   payload = u16 length of id | u16 length of key | id | key | json      (UTF-8)
 */
export const headerBytes = 8;
const namesBytes = 4;
/** A longer length is damage, not a record: no event comes near it. */
const largestPayload = 64 * 1024 * 1024;

/** Largest number of bytes that a record of these texts may take. */
export function recordBound(id: string, key: string, text: string): number {
  return headerBytes + namesBytes + 3 * (id.length + key.length + text.length);
}

/**
 * Writes one record at `start` of `chunk`, which must have room for `recordBound`. Returns where its JSON begins and where it ends.
 * @throws RangeError when id or key take more than 65,535 bytes.
 */
export function writeRecord(
  chunk: Buffer,
  start: number,
  { id, key, text }: { readonly id: string; readonly key: string; readonly text: string },
): { readonly jsonStart: number; readonly end: number } {
  const payload = start + headerBytes;
  const idStart = payload + namesBytes;
  const idBytes = Buffer.byteLength(id);
  const keyBytes = Buffer.byteLength(key);
  chunk.writeUInt16LE(idBytes, payload);
  chunk.writeUInt16LE(keyBytes, payload + 2);
  const jsonStart = idStart + idBytes + keyBytes;
  // One write: each costs as much as the copying.
  const end = idStart + chunk.write(id + key + text, idStart);
  chunk.writeUInt32LE(end - payload, start);
  chunk.writeUInt32LE(crc32(chunk.subarray(payload, end)), start + 4);
  return { jsonStart, end };
}

export interface RecordParts {
  readonly id: string;
  readonly key: string;
  readonly start: number;
  readonly jsonStart: number;
  readonly end: number;
}

/**
 * `partial`: the bytes end before the record does: at the end of a file, the tail that a dying writer left.
 * `damaged`: the bytes are there and are not what was written.
 */
export type RecordProblem = 'partial' | 'damaged';

/** The record at `start`, checked; undefined exactly at the end of the bytes. */
export function readRecord(bytes: Buffer, start: number): RecordParts | RecordProblem | undefined {
  const end = checkedEnd(bytes, start);
  if (typeof end !== 'number') return end;
  const payload = start + headerBytes;
  const idStart = payload + namesBytes;
  const keyStart = idStart + bytes.readUInt16LE(payload);
  const jsonStart = keyStart + bytes.readUInt16LE(payload + 2);
  if (jsonStart > end) return 'damaged';
  return {
    id: bytes.toString('utf8', idStart, keyStart),
    key: bytes.toString('utf8', keyStart, jsonStart),
    start,
    jsonStart,
    end,
  };
}

/** Where the record at `start` ends, its checksum being right. */
export function checkedEnd(bytes: Buffer, start: number): number | RecordProblem | undefined {
  if (start === bytes.length) return undefined;
  if (start + headerBytes > bytes.length) return 'partial';
  const length = bytes.readUInt32LE(start);
  if (length < namesBytes || length > largestPayload) return 'damaged';
  const payload = start + headerBytes;
  const end = payload + length;
  if (end > bytes.length) return 'partial';
  return crc32(bytes.subarray(payload, end)) === bytes.readUInt32LE(start + 4) ? end : 'damaged';
}

/** Bytes that the record at `start` takes by its own word; undefined when not even its header is there. */
export function claimedBytes(bytes: Buffer, start: number): number | undefined {
  return start + headerBytes > bytes.length ? undefined : headerBytes + bytes.readUInt32LE(start);
}
