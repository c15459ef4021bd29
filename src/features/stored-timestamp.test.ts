import { describe, expect, it } from 'vitest';
import { parseStoredTimestamp } from './stored-timestamp.js';

const noon = Date.parse('2026-03-01T12:00:00Z');

describe('parseStoredTimestamp', () => {
  it.each([
    ['2026-03-01T12:00:00Z', noon],
    ['2026-03-01T12:00:00.250Z', noon + 250],
    ['2026-03-01T12:00:00,250999999Z', noon + 250],
    ['2026-03-01T13:00:00+01:00', noon],
    ['2026-03-01 13:00:00+01', noon],
    ['2026-03-01 06:30:00 -0530', noon],
    ['2026-03-01t12:00z', noon],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000],
    [noon / 1000, noon],
    [BigInt(noon / 1000), noon],
    [String(noon / 1000), noon],
    [`${noon / 1000}.5`, noon + 500],
    [0, 0],
  ])('reads %s', (stored, expected) => {
    expect(parseStoredTimestamp(stored)).toBe(expected);
  });

  it.each([
    ['no offset', '2026-03-01T12:00:00'],
    ['a date', '2026-03-01'],
    ['the 30th of February', '2026-02-30T12:00:00Z'],
    ['hour 24', '2026-03-01T24:00:00Z'],
    ['minute 60', '2026-03-01T12:60:00Z'],
    ['a leap second', '2026-12-31T23:59:60Z'],
    ['milliseconds instead of seconds', noon],
    ['milliseconds as text', `${noon}`],
    ['words', 'yesterday'],
    ['nothing', ''],
    ['NULL', null],
    ['NaN', Number.NaN],
    ['a blob', Buffer.from('x')],
    ['an offset that is none', '2026-03-01T12:00:00+1'],
  ])('does not read %s', (_, stored) => {
    expect(parseStoredTimestamp(stored)).toBeNaN();
  });
});
