/** How far a connection is encrypted and its server known (the names are libpq's). */
export const sslModes = ['disable', 'require', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

/** Where a database is, and as whom to log in. */
export interface PostgresAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** What `?sslmode=` says, if anything. */
  readonly sslMode: SslMode | undefined;
}

/** Why a text is no address of a database. The message never holds the text: it has a password in it. */
export class PostgresUrlError extends Error {
  override readonly name = 'PostgresUrlError';
}

const noHost = 'no.host.invalid';
const knownParameters = ['host', 'sslmode'];

/**
 * Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `?sslmode=` and `?host=/folder/of/socket` (the URIs of libpq,
 * PostgreSQL manual 34.1.1.2). User and database must be said: nothing is taken from the environment or from ~/.pgpass.
 * @throws PostgresUrlError
 */
export function parsePostgresUrl(text: string): PostgresAddress {
  const url = parsed(text);
  const unknown = [...url.searchParams.keys()].find((name) => !knownParameters.includes(name));
  if (unknown !== undefined)
    throw new PostgresUrlError(`must not have the parameter ${unknown}: only sslmode and host`);
  const named = url.hostname === noHost ? '' : url.hostname.replace(/^\[(.*)\]$/, '$1');
  const host = url.searchParams.get('host') ?? named;
  const [user, database] = [decoded(url.username), decoded(url.pathname.slice(1))];
  if (host === '' || user === '' || database === '') throw new PostgresUrlError(`must be ${form}`);
  return {
    ...{ host: decoded(host), user, database },
    port: url.port === '' ? 5432 : Number(url.port),
    password: url.password === '' ? undefined : decoded(url.password),
    sslMode: sslModeOf(url.searchParams.get('sslmode')),
  };
}

export function isPostgresUrl(text: string): boolean {
  try {
    parsePostgresUrl(text);
    return true;
  } catch {
    return false;
  }
}

const form = 'postgres://USER:PASSWORD@HOST:PORT/DATABASE, with what is special in the password as %XX';

function parsed(text: string): URL {
  // A socket's URL names no host, and then the URL standard wants none to log in.
  const full = text.replace(/^(postgres(?:ql)?:\/\/[^/?#]+@)\//, `$1${noHost}/`);
  if (!/^postgres(ql)?:\/\//.test(full) || !URL.canParse(full)) throw new PostgresUrlError(`must be ${form}`);
  return new URL(full);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new PostgresUrlError(`must be ${form}`);
  }
}

function sslModeOf(text: string | null): SslMode | undefined {
  if (text === null) return undefined;
  const mode = sslModes.find((one) => one === text);
  if (mode === undefined) throw new PostgresUrlError(`must have an sslmode of ${sslModes.join(', ')}`);
  return mode;
}

/** The address as it may be shown. */
export function placeOf({ host, port }: PostgresAddress): string {
  return host.startsWith('/') ? `${host} (port ${port})` : `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
