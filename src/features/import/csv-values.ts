import type { FeatureScalar, FeatureType } from '../../shared/feature-value.js';
import { parseStoredTimestamp } from '../stored-timestamp.js';

export type Parsed<T> = { readonly value: T } | { readonly expected: string };

const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const integer = /^[+-]?\d+$/;
const booleans = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** One field as a value of the type; an empty field is NULL, of every type. Nothing is trimmed or rounded. */
export function parseCsvValue(text: string, type: FeatureType): Parsed<FeatureScalar> {
  if (text === '') return { value: null };
  switch (type) {
    case 'string':
      return text.includes('\0') ? { expected: 'text without NUL' } : { value: text };
    case 'boolean':
      return parseBoolean(text);
    case 'integer':
      return parseNumber(text, { pattern: integer, fits: Number.isSafeInteger, expected: 'an integer within ±2^53' });
    case 'number':
      return parseNumber(text, { pattern: number, fits: Number.isFinite, expected: 'a finite number' });
  }
}

function parseBoolean(text: string): Parsed<boolean> {
  const value = booleans.get(text.toLowerCase());
  return value === undefined ? { expected: 'true, false, 1 or 0' } : { value };
}

interface NumberRule {
  readonly pattern: RegExp;
  readonly fits: (value: number) => boolean;
  readonly expected: string;
}

function parseNumber(text: string, { pattern, fits, expected }: NumberRule): Parsed<number> {
  const value = pattern.test(text) ? Number(text) : Number.NaN;
  return fits(value) ? { value } : { expected };
}

/** An entity key: 1 to 256 characters. Whether the key column can hold it is for the store to say. */
export function parseCsvKey(text: string): Parsed<string> {
  return text.length >= 1 && text.length <= 256 ? { value: text } : { expected: 'a key of 1 to 256 characters' };
}

/** Milliseconds since the epoch. */
export function parseCsvTimestamp(text: string): Parsed<number> {
  const value = parseStoredTimestamp(text);
  return Number.isNaN(value) ? { expected: 'ISO 8601 with an offset, or epoch seconds' } : { value };
}
