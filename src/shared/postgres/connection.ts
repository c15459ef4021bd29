import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';
import type { PostgresAddress, SslMode } from './address.js';

/** How to reach a database, and how long to wait for it. */
export interface PostgresConnectionOptions {
  readonly address: PostgresAddress;
  readonly ssl: {
    readonly mode: SslMode;
    /** PEM file of the certificate authority; the system's own when left out. */ readonly caFile?: string;
  };
  readonly connectTimeoutMs: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
}

export type SslOptions = Exclude<ClientConfig['ssl'], undefined>;

/**
 * `require` encrypts without asking who answers, unless a CA is named: then, as in libpq, the certificate must be signed by it.
 * `verify-full` also compares the name. @throws the file system's error when the CA cannot be read.
 */
export function sslOptions({ ssl }: PostgresConnectionOptions): SslOptions {
  if (ssl.mode === 'disable') return false;
  const ca = ssl.caFile === undefined ? {} : { ca: readFileSync(ssl.caFile, 'utf8') };
  if (ssl.mode === 'verify-full') return { rejectUnauthorized: true, ...ca };
  return { rejectUnauthorized: ssl.caFile !== undefined, checkServerIdentity: () => undefined, ...ca };
}

/** The driver's settings: nothing is left to its defaults or to PG… variables, which are without any time limit. */
export function clientConfig(options: PostgresConnectionOptions): ClientConfig {
  const { host, port, user, password, database } = options.address;
  return {
    ...{ host, port, user, database },
    // As a function: a password that is left out would be looked for in the environment and in ~/.pgpass.
    password: () => password ?? '',
    ssl: sslOptions(options),
    sslnegotiation: 'postgres',
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}
