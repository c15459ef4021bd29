import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlainJson } from './request-rules.js';

describe('isPlainJson', () => {
  it.each([
    ['application/json', true],
    ['Application/JSON; Charset=UTF-8', true],
    ['application/json;charset="utf-8"', true],
    ['application/json; profile=x', true],
    ['application/json; charset=latin1', false],
    ['application/json; charset=utf-8; charset=utf-16', false],
    ['application/json, text/plain', false],
    ['text/json', false],
    ['', false],
  ])('%s: %s', (contentType, expected) => expect(isPlainJson(contentType)).toBe(expected));

  it('never takes a charset other than utf-8', () => {
    const charsets = fc.string().filter((name) => !/^\s*"?utf-8"?\s*$/i.test(name) && !name.includes(';'));
    fc.assert(fc.property(charsets, (charset) => !isPlainJson(`application/json; charset=${charset}`)));
  });
});
