const isoWithOffset =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(?:(Z)|([+-])(\d{2})(?::?(\d{2}))?)$/i;
const epochText = /^-?\d{1,12}(\.\d+)?$/;
const lastSecondOf9999 = 253_402_300_799;

/**
 * Reads a stored timestamp: ISO 8601 (RFC 3339) with an offset, or seconds since the epoch as a number or as text.
 * Returns milliseconds since the epoch, NaN for anything else: without an offset, an impossible date, or beyond the year 9999
 * (which is what milliseconds taken for seconds look like).
 */
export function parseStoredTimestamp(value: unknown): number {
  if (typeof value === 'bigint') return fromSeconds(Number(value));
  if (typeof value === 'number') return fromSeconds(value);
  if (typeof value !== 'string') return Number.NaN;
  if (epochText.test(value)) return fromSeconds(Number(value));
  const parts = isoWithOffset.exec(value);
  return parts === null ? Number.NaN : fromParts(parts);
}

function fromSeconds(seconds: number): number {
  return Math.abs(seconds) <= lastSecondOf9999 ? Math.round(seconds * 1000) : Number.NaN;
}

function fromParts(parts: RegExpExecArray): number {
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0));
  if (!isTimeOfDay(hour, minute, second)) return Number.NaN;
  const local = new Date(Date.UTC(year!, month! - 1, day, hour, minute, second, fractionMs(parts[7])));
  local.setUTCFullYear(year!);
  // Date.UTC carries the 30th of February into March: a date that does not come back as it went in does not exist.
  if (local.getUTCMonth() !== month! - 1 || local.getUTCDate() !== day) return Number.NaN;
  return local.getTime() - offsetMs(parts);
}

function isTimeOfDay(hour = 24, minute = 60, second = 60): boolean {
  return hour < 24 && minute < 60 && second < 60;
}

function fractionMs(digits = ''): number {
  return Math.floor(Number(`0.${digits === '' ? '0' : digits}`) * 1000);
}

function offsetMs(parts: RegExpExecArray): number {
  if (parts[8] !== undefined) return 0;
  const minutes = Number(parts[10]) * 60 + Number(parts[11] ?? 0);
  return (parts[9] === '-' ? -minutes : minutes) * 60_000;
}
