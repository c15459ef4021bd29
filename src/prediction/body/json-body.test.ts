import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../shared/errors.js';
import { bodyText, parseJsonText, refuseHostileObject } from './json-body.js';

function refusalOf(body: Buffer | string): string | undefined {
  try {
    refuseHostileObject(parseJsonBody(Buffer.from(body)), 1);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    expect(error.code).toBe('INVALID_REQUEST');
    return error.details.errors?.[0]?.problem;
  }
  return undefined;
}

const parseJsonBody = (body: Buffer) => parseJsonText(bodyText(body));

describe('bodyText and parseJsonText', () => {
  it.each([
    ['an empty body', '', 'empty_body'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'invalid_utf8'],
    ['a byte order mark', '\ufeff{}', 'byte_order_mark'],
    ['broken JSON', '{"a":', 'invalid_json'],
    ['an own __proto__', '{"__proto__": {"a": 1}}', 'forbidden_key'],
    ['an escaped __proto__ deeper down', '{"a": [{"\\u005f_proto__": 1}]}', 'forbidden_key'],
    ['33 levels', '['.repeat(33) + ']'.repeat(33), 'too_deep'],
    ['half a million levels', '['.repeat(500_000) + ']'.repeat(500_000), 'too_deep'],
    [
      'deep objects in a big body',
      `{"x":"${' '.repeat(20_000)}","a":${'{"a":'.repeat(40)}1${'}'.repeat(41)}`,
      'too_deep',
    ],
  ])('refuses %s', (_, body, problem) => {
    expect(refusalOf(body)).toBe(problem);
  });

  it('takes 32 levels, brackets in strings and a big flat body', () => {
    expect(refusalOf('['.repeat(32) + ']'.repeat(32))).toBeUndefined();
    expect(refusalOf(JSON.stringify({ a: '[{"'.repeat(10_000) }))).toBeUndefined();
  });

  it('never repeats the body in its message', () => {
    try {
      parseJsonBody(Buffer.from('{"secret": hunter2}'));
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toMatch(/hunter2|secret/);
      return;
    }
    expect.unreachable();
  });

  it('lets the last of two equal keys win', () => {
    expect(parseJsonBody(Buffer.from('{"a":1,"a":2}'))).toEqual({ a: 2 });
  });
});
