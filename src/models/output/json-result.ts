import type { JsonValue } from '../../shared/json.js';

/** A result that must not be sent. `where` is the path within the prediction. */
export class UnsendableResult extends Error {
  override readonly name = 'UnsendableResult';
}

const limit = 2n ** 53n;

/**
 * A CEL value or an output as JSON: integers within ±2^53 become numbers.
 * @throws UnsendableResult for NaN, an infinity or an integer beyond.
 */
export function toJson(value: unknown, where: string): JsonValue {
  switch (typeof value) {
    case 'number':
      return finite(value, where);
    case 'bigint':
      return safeInteger(value, where);
    case 'boolean':
    case 'string':
      return value;
    default:
      return aggregate(value, where);
  }
}

function finite(value: number, where: string): number {
  if (Number.isFinite(value)) return value;
  throw new UnsendableResult(`${where} is ${Number.isNaN(value) ? 'NaN' : 'infinite'}`);
}

function safeInteger(value: bigint, where: string): number {
  if (value <= limit && value >= -limit) return Number(value);
  throw new UnsendableResult(`${where} is an integer beyond 2^53`);
}

function aggregate(value: unknown, where: string): JsonValue {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item, index) => toJson(item, `${where}[${index}]`));
  const entries = value instanceof Map ? [...(value as Map<unknown, unknown>)] : plainEntries(value, where);
  return Object.fromEntries(entries.map(([key, item]) => [String(key), toJson(item, `${where}.${String(key)}`)]));
}

function plainEntries(value: unknown, where: string): [unknown, unknown][] {
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) return Object.entries(value as object);
  throw new UnsendableResult(`${where} has no JSON form`);
}
