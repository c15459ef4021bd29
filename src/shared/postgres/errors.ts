import { messageOf } from '../errors.js';
import { placeOf, type PostgresAddress } from './address.js';

/**
 * What went wrong with the database, in words that hold no stored value and no password.
 * `settings`: it will not mend itself (login, database or certificate); `unreachable`: there was no answer; `statement`: the
 * server refused the statement.
 */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly kind: 'settings' | 'unreachable' | 'statement';
  /** SQLSTATE of the server (https://www.postgresql.org/docs/current/errcodes-appendix.html), or the system's code. */
  readonly code: string | undefined;

  constructor(message: string, kind: PostgresError['kind'], code?: string) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

const sqlState = /^[0-9A-Z]{5}$/;
const loginRefused = ['28P01', '28000', '3D000'];
const certificateCodes = /CERT|SIGNED|ISSUER|LEAF_SIGNATURE/;

/** Classes of SQLSTATE whose messages speak of names and states. Others may repeat values, or are a stored function's own words. */
const plainClasses = ['08', '0A', '25', '28', '3D', '3F', '40', '42', '53', '54', '55', '57', '58', 'XX'];

/** Anything that the driver threw, for people. */
export function explainPostgresError(thrown: unknown, address: PostgresAddress): PostgresError {
  if (thrown instanceof PostgresError) return thrown;
  const code = codeOf(thrown);
  const place = `PostgreSQL at ${placeOf(address)}`;
  if (code !== undefined && isFromServer(thrown)) return explainServer(thrown, code, address);
  if (code !== undefined && certificateCodes.test(code))
    return new PostgresError(
      `${place} shows a certificate that is not trusted (${code}): see database.ssl`,
      'settings',
      code,
    );
  const words = messageOf(thrown);
  if (/SASL|client password|not support SSL/.test(words)) return new PostgresError(`${place}: ${words}`, 'settings');
  return new PostgresError(
    `${place} is out of reach: ${words === '' ? (code ?? 'no answer') : words}`,
    'unreachable',
    code,
  );
}

function explainServer(thrown: unknown, code: string, address: PostgresAddress): PostgresError {
  const place = `PostgreSQL at ${placeOf(address)}`;
  if (code === '28P01')
    return new PostgresError(`${place} refused the password of user ${address.user}`, 'settings', code);
  if (code === '3D000') return new PostgresError(`${place} has no database ${address.database}`, 'settings', code);
  const plain = plainClasses.includes(code.slice(0, 2));
  const words = plain ? messageOf(thrown) : `a value does not fit or cannot be computed`;
  const kind = loginRefused.includes(code) ? 'settings' : isOutage(code) ? 'unreachable' : 'statement';
  return new PostgresError(`${place}: ${words} (${code})`, kind, code);
}

/** The server is going down, starting, full, or ended this connection. */
function isOutage(code: string): boolean {
  return code.startsWith('08') || code.startsWith('53') || code.startsWith('57P');
}

export function codeOf(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the server itself said so, on a connection that works. */
function isFromServer(thrown: unknown): boolean {
  const { severity } = thrown as { severity?: unknown };
  return typeof severity === 'string' && sqlState.test(codeOf(thrown) ?? '');
}
