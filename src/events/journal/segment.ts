import { join } from 'node:path';
import { checkedEnd } from './record-format.js';

/** One file of a journal directory, as this process knows it. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  /** Bytes of whole records; what is behind them is a torn tail. */
  size: number;
  /** Records behind the reader. */
  unread: number;
  /** Records that were not delivered yet, read or not. */
  undelivered: number;
  /** Nothing more is written to it. */
  sealed: boolean;
}

const namePattern = /^\d{8,15}\.seg$/;

export function newSegment(directory: string, number: number): Segment {
  const path = join(directory, `${String(number).padStart(8, '0')}.seg`);
  return { number, path, size: 0, unread: 0, undelivered: 0, sealed: false };
}

/** Numbers of the segments among a directory's names, ascending. */
export function segmentNumbers(names: readonly string[]): number[] {
  return names
    .filter((name) => namePattern.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

export interface ScannedSegment {
  readonly records: number;
  /** Where the last whole record ends. */
  readonly end: number;
  readonly tail: 'clean' | 'torn' | 'damaged';
}

/** Counts the records from `offset` on, up to the first that is not whole: behind that one no beginning can be found. */
export function scanRecords(bytes: Buffer, offset: number): ScannedSegment {
  let end = Math.min(offset, bytes.length);
  for (let records = 0; ; records++) {
    const next = checkedEnd(bytes, end);
    if (next === undefined) return { records, end, tail: 'clean' };
    if (typeof next !== 'number') return { records, end, tail: next === 'partial' ? 'torn' : 'damaged' };
    end = next;
  }
}
