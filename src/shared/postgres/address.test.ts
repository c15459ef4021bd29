import { describe, expect, it } from 'vitest';
import { parsePostgresUrl, placeOf, PostgresUrlError } from './address.js';

describe('parsePostgresUrl', () => {
  it('reads all that a URL says', () => {
    expect(parsePostgresUrl('postgres://us%40er:p%2F%3A@db.example:6432/my%20db?sslmode=verify-full')).toEqual({
      ...{ host: 'db.example', port: 6432, user: 'us@er', password: 'p/:', database: 'my db', sslMode: 'verify-full' },
    });
  });

  it.each([
    ['postgresql://u@h/d', { host: 'h', port: 5432, password: undefined, sslMode: undefined }, 'h:5432'],
    ['postgres://u@[::1]:99/d', { host: '::1', port: 99 }, '[::1]:99'],
    ['postgres://u@/d?host=/run/pg', { host: '/run/pg', port: 5432 }, '/run/pg (port 5432)'],
  ])('reads %s', (url, expected, place) => {
    expect(parsePostgresUrl(url)).toMatchObject(expected);
    expect(placeOf(parsePostgresUrl(url))).toBe(place);
  });

  it.each([
    '',
    'x',
    'postgres:u',
    'postgres://h/d',
    'postgres://u:canary@h',
    'http://u:canary@h/d',
    'postgres://u:%canary@h/d',
  ])('refuses %j without repeating it', (url) => {
    expect(() => parsePostgresUrl(url)).toThrow(PostgresUrlError);
    expect(() => parsePostgresUrl(url)).not.toThrow('canary');
  });
});
