import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.js';
import { redactFacts } from './redaction.js';
import { redactText } from './redacted-text.js';

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl';
const key = 'isk_live_0123456789abcdefghijABCDEFGH';

describe('redactText', () => {
  it.each([
    ['an API key', `key ${key} refused`, 'key [redacted] refused'],
    ['a cut API key', 'isk_live_0123…', '[redacted]…'],
    ['a token', `got ${jwt}, sorry`, 'got [redacted], sorry'],
    ['a bearer', 'Authorization failed: Bearer abcdef123456', 'Authorization failed: Bearer [redacted]'],
    ['an e-mail address', 'for <jo.do+x@mail.example.org>!', 'for <[redacted]>!'],
    ['an encoded address', '/v1/models/jo%40example.org?a=1', '/v1/models/[redacted]?a=1'],
    ['a card', 'card 4111 1111-1111 1111.', 'card [redacted].'],
    ['an account', 'from GB82 WEST 1234 5698 7654 32 TODAY', 'from [redacted] TODAY'],
    ['an account in one word', 'DE89370400440532013000', '[redacted]'],
    ['a URL with a password', 'postgres://me:s3:c@ret@db:5432/x', 'postgres://[redacted]@db:5432/x'],
    ['a connection string', 'host=db password=hunter2 user=me', 'host=db password=[redacted] user=me'],
    ['a query string', '/v1?access_token=abc&x=1', '/v1?access_token=[redacted]&x=1'],
    ['quoted JSON', '{"api_key":"abc","b":1}', '{"api_key":"[redacted]","b":1}'],
  ])('takes out %s', (_what, text, clean) => {
    expect(redactText(text)).toBe(clean);
  });

  it.each([
    'The token is not valid',
    'Version 1.10.0 of iris is ready',
    '2026-11-24T19:54:50.123Z',
    'd9428888-122b-11e1-b85c-61cd3cbb3210',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'number 4111 1111 1111 1112 has a wrong check digit',
    'a @ b, and @example alone',
    'https://127.0.0.1:8000/v1/predict',
  ])('leaves "%s"', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('finds a secret wherever it stands', () => {
    const around = fc.string({ maxLength: 40 }).map((text) => text.replace(/[\w@%.-]/g, ' '));
    fc.assert(
      fc.property(around, fc.constantFrom(key, jwt, 'jo@example.org', '4111111111111111'), around, (a, secret, b) => {
        expect(redactText(a + secret + b)).not.toContain(secret);
      }),
    );
  });

  it('cuts what is too long, but only once it is clean', () => {
    const text = `${'x'.repeat(8180)} ${key} ${'y'.repeat(100)}`;
    expect(redactText(text)).not.toContain('isk_live');
    expect(redactText(text)).toMatch(/… \(\d+ characters more\)$/);
  });

  const hostile = [
    'eyJ',
    'isk_live_',
    '1 ',
    '4',
    'a@',
    '://',
    '://a',
    'password',
    'password=',
    'AB12 ',
    'Bearer ',
    '%40',
    'a.',
  ];
  it.each(hostile)('takes linear time for repeated "%s"', (piece) => {
    const timeOf = (length: number): number => {
      const text = piece.repeat(Math.ceil(length / piece.length));
      const runs = Array.from({ length: 50 }, () => {
        const start = performance.now();
        redactText(text);
        return performance.now() - start;
      });
      return Math.min(...runs);
    };
    timeOf(20_000);
    // 16 times the text: a quadratic pattern would take 256 times as long.
    expect(timeOf(320_000) / Math.max(0.02, timeOf(20_000))).toBeLessThan(100);
  });
});

describe('redactFacts', () => {
  it('hides by name at any depth, in any spelling', () => {
    const facts = { a: [{ 'X-Api-Key': 'v1', b: { Db_Password: 2, headers: new Map([['Set-Cookie', 'v3']]) } }], n: 1 };
    expect(redactFacts(facts)).toEqual({
      a: [{ 'X-Api-Key': '[redacted]', b: { Db_Password: '[redacted]', headers: { 'Set-Cookie': '[redacted]' } } }],
      n: 1,
    });
  });

  it('goes through errors, their causes and what was added to them', () => {
    const cause = Object.assign(new Error(`connect postgres://u:pw1@db`), {
      config: { token: 'pw2' },
      query: `k=${key}`,
    });
    const error = new AggregateError([new Error('mail jo@example.org')], `with ${jwt}`, { cause });
    const text = JSON.stringify(redactFacts({ err: error }));
    for (const secret of ['pw1', 'pw2', key, 'jo@example.org', jwt]) expect(text).not.toContain(secret);
    expect(text).toContain('redaction.test.ts');
    expect(text).toContain('connect postgres://[redacted]@db');
  });

  it('ends where values refer to themselves, and shows no bytes', () => {
    const loop: Record<string, unknown> = { bytes: Buffer.from('secret text'), big: 1n, set: new Set([key]) };
    loop['self'] = loop;
    expect(redactFacts(loop)).toEqual({
      bytes: '[11 bytes]',
      big: '1',
      set: ['[redacted]'],
      self: { bytes: '[11 bytes]', big: '1', set: ['[redacted]'], self: '[circular]' },
    });
    const deep = JSON.parse('{"a":'.repeat(40) + '1' + '}'.repeat(40)) as object;
    expect(JSON.stringify(redactFacts(deep))).toContain('[too deep]');
  });

  it('hides what JSON.stringify of any object would show under a secret name', () => {
    fc.assert(
      fc.property(fc.object({ key: fc.constantFrom('a', 'password', 'b', 'Token') }), (value) => {
        const text = JSON.stringify(redactFacts(value)) ?? '';
        for (const [, shown] of text.matchAll(/"(?:password|Token)":("[^"]*"|[^,}]+)/g)) {
          expect(['"[redacted]"', 'null']).toContain(shown);
        }
      }),
    );
  });
});

describe('every way into the log', () => {
  const logged = (write: (logger: ReturnType<typeof createLogger>) => void): string => {
    let text = '';
    write(createLogger('TRACE', { write: (line) => void (text += line) }));
    return text;
  };

  it.each<[string, (logger: ReturnType<typeof createLogger>) => void]>([
    ['facts', (logger) => logger.info({ note: key }, 'm')],
    ['the message', (logger) => logger.info(`m ${key}`)],
    ['the message behind facts', (logger) => logger.info({ a: 1 }, `m ${key}`)],
    ['arguments of the message', (logger) => logger.info('m %s', key)],
    ['an error alone', (logger) => logger.error(new Error(key))],
    ['an error among facts', (logger) => logger.error({ err: new Error(key) })],
    ['objects as arguments', (logger) => logger.info({ a: 1 }, 'm %j', { password: key })],
  ])('is clean: %s', (_what, write) => {
    const text = logged(write);
    expect(text).not.toContain(key);
    expect(text).toContain('[redacted]');
    expect(JSON.parse(text)).toMatchObject({ level: expect.stringMatching(/INFO|ERROR/) as string });
  });
});
