import { describe, expect, it } from 'vitest';
import { parsePostgresUrl } from './address.js';
import { explainPostgresError } from './errors.js';

const address = parsePostgresUrl('postgres://app:canary@db:5432/shop');
const fromServer = (code: string, message: string) => Object.assign(new Error(message), { code, severity: 'ERROR' });
const fromSystem = (code: string, message = code) => Object.assign(new Error(message), { code });

describe('explainPostgresError', () => {
  it.each([
    [fromServer('28P01', 'x'), 'settings', 'PostgreSQL at db:5432 refused the password of user app'],
    [fromServer('3D000', 'x'), 'settings', 'PostgreSQL at db:5432 has no database shop'],
    [fromServer('28000', 'no entry'), 'settings', 'PostgreSQL at db:5432: no entry (28000)'],
    [fromServer('57P01', 'terminating'), 'unreachable', 'PostgreSQL at db:5432: terminating (57P01)'],
    [fromServer('53300', 'too many clients'), 'unreachable', 'PostgreSQL at db:5432: too many clients (53300)'],
    [fromServer('42P01', 'no relation'), 'statement', 'PostgreSQL at db:5432: no relation (42P01)'],
    [fromSystem('ECONNREFUSED', ''), 'unreachable', 'PostgreSQL at db:5432 is out of reach: ECONNREFUSED'],
    [new Error('timeout'), 'unreachable', 'PostgreSQL at db:5432 is out of reach: timeout'],
    [new Error('The server does not support SSL connections'), 'settings', 'does not support SSL connections'],
    [fromSystem('SELF_SIGNED_CERT_IN_CHAIN'), 'settings', 'a certificate that is not trusted'],
    [fromSystem('ERR_TLS_CERT_ALTNAME_INVALID'), 'settings', 'a certificate that is not trusted'],
  ])('%s', (thrown, kind, words) => {
    const { message, kind: got } = explainPostgresError(thrown, address);
    expect([got, message]).toEqual([kind, expect.stringContaining(words)]);
  });

  it.each(['22P02', '23505', 'P0001'])('tells no value: %s', (code) => {
    const { message } = explainPostgresError(fromServer(code, 'bad "canary"'), address);
    expect(message).toBe(`PostgreSQL at db:5432: a value does not fit or cannot be computed (${code})`);
  });

  it('explains once', () => {
    const first = explainPostgresError(new Error('timeout'), address);
    expect(explainPostgresError(first, address)).toBe(first);
  });
});
