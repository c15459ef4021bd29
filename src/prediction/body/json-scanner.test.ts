import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonScanner, Literal } from './json-scanner.js';

/** What the scanner reads from the start of a text, and the rest. */
function scan(text: string | Buffer): { value: unknown; rest: string } | undefined {
  const bytes = Buffer.from(text as string);
  const scanner = new JsonScanner(bytes);
  const value = scanner.value();
  return value === undefined ? undefined : { value, rest: scanner.text(scanner.at, bytes.length) };
}

const digits = fc.stringMatching(/^\d{1,25}$/);
const exponent = fc.stringMatching(/^[eE][+-]?\d{1,3}$/);
/** Numbers as the grammar has them, with all lengths and exponents. */
const numberTexts = fc
  .tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n, max: 10n ** 25n }), fc.option(digits), fc.option(exponent))
  .map(([sign, whole, decimals, power]) => `${sign}${whole}${decimals === null ? '' : `.${decimals}`}${power ?? ''}`);

describe('the value that a scanner reads', () => {
  it('is the number that JSON.parse reads, to the bit', () => {
    fc.assert(
      fc.property(numberTexts, (text) => {
        expect(scan(`${text},`)).toEqual({ value: JSON.parse(text), rest: ',' });
        expect(Object.is(scan(`${text} `)?.value, JSON.parse(text))).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('is the number that a double is written as', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = JSON.stringify(value);
        expect(Object.is(scan(`${text}}`)?.value, JSON.parse(text))).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    '0',
    '-0',
    '-0.0',
    '0.1',
    '999999999999999',
    '9007199254740993',
    '0.30000000000000004',
    '1e999',
    '1E-400',
    '2.5e+3',
  ])('reads %s as JSON.parse does', (text) => expect(Object.is(scan(`${text}]`)?.value, JSON.parse(text))).toBe(true));

  it('is what JSON.parse reads, for any scalar and array, or nothing', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(fc.constantFrom(true, false, null), fc.double({ noNaN: true }), fc.string(), tie('array')),
      array: fc.array(tie('value'), { maxLength: 4 }),
    }));
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1), (given, indent) => {
        const text = JSON.stringify(given, null, indent);
        const read = scan(`${text}:`);
        if (read !== undefined) expect(read).toEqual({ value: JSON.parse(text), rest: ':' });
      }),
    );
  });

  it('is nothing where a text breaks the grammar or goes beyond what is known', () => {
    const texts = [
      '',
      '-',
      '-a',
      '01',
      '00',
      '1.',
      '.5',
      '+1',
      '1e',
      '1e+',
      '-.5',
      'nul',
      'True',
      'NaN',
      'Infinity',
      '{}',
      '[1',
      '[1,]',
      '[,1]',
      '"a',
    ];
    const unknown = ['"a\\n"', '"ä"', '"\u0001"', '"\u007f"', '['.repeat(9) + ']'.repeat(9)];
    for (const text of [...texts, ...unknown]) expect(scan(text), text).toBeUndefined();
  });

  it('ends where a number ends', () => {
    for (const rest of ['', '.', 'x', '-1', '"', ' 2'])
      expect(scan(`12${rest}`), rest).toEqual(rest === '.' ? undefined : { value: 12, rest });
  });

  it('reads a body that is a part of a larger buffer', () => {
    const part = Buffer.from('xx12.5}yy').subarray(2, 7);
    const scanner = new JsonScanner(part);
    expect(scanner.value()).toBe(12.5);
    expect(scanner.pass(new Literal('}'))).toBe(true);
    expect(scanner.isAtEnd).toBe(true);
  });
});

describe('a text that a scanner passes', () => {
  it('is that text whole, wherever it stands', () => {
    const ascii = fc.string({ maxLength: 12 }).filter((text) => /^[ -~]*$/.test(text));
    fc.assert(
      fc.property(ascii, ascii, ascii, (before, text, standing) => {
        const scanner = new JsonScanner(Buffer.from(before + standing));
        scanner.at = before.length;
        const stands = standing.startsWith(text);
        expect(scanner.pass(new Literal(text))).toBe(stands);
        expect(scanner.at).toBe(before.length + (stands ? text.length : 0));
      }),
    );
  });

  it.each(['a', 'ab', 'abc', 'abcd', 'abcde', 'abcdefgh', 'abcdefghi'])(
    'is not one that differs in a byte: %s',
    (text) => {
      for (let at = 0; at < text.length; at++) {
        const other = `${text.slice(0, at)}#${text.slice(at + 1)}`;
        expect(new JsonScanner(Buffer.from(`${other}zzzz`)).pass(new Literal(text))).toBe(false);
      }
      expect(new JsonScanner(Buffer.from(text.slice(1))).pass(new Literal(text))).toBe(false);
    },
  );
});
