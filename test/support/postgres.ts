import { parsePostgresUrl } from '../../src/shared/postgres/address.js';
import type { PostgresConnectionOptions } from '../../src/shared/postgres/connection.js';
import { silentPostgresObserver, type PostgresObserver } from '../../src/shared/postgres/observer.js';
import { PostgresPool, type PostgresPoolOptions } from '../../src/shared/postgres/pool.js';
import { PostgresSession } from '../../src/shared/postgres/session.js';
import { migrateDatabase } from '../../src/app/database-schema.js';
import type { Database } from '../../src/app/open-database.js';
import { startServer, type TestServer } from './servers.js';

export const password = 'app-secret';

export interface TestPostgres {
  readonly server: TestServer;
  readonly url: string;
  /** Runs statements past the code under test; the rows of the last one. */
  execute(sql: string): Promise<(string | null)[][]>;
  /** As the service opens it, with other limits where the test needs them. */
  open(rest?: Partial<PostgresPoolOptions>): Promise<Database>;
  remove(): Promise<void>;
}

export const urlOf = (port: number) => `postgres://app:${password}@127.0.0.1:${port}/app`;

/** A PostgreSQL of the test's own, its schema made. */
export async function startPostgres(env: Readonly<Record<string, string>> = {}): Promise<TestPostgres> {
  const server = await startServer('postgres', env);
  const url = urlOf(server.port);
  const ssl = env['PG_TLS'] === undefined ? ({ mode: 'disable' } as const) : ({ mode: 'require' } as const);
  const open = (rest: Partial<PostgresPoolOptions> = {}) => openDatabaseAt(url, { ssl, ...rest });
  const database = await open();
  try {
    await migrateDatabase(database);
  } catch (error) {
    await server.remove();
    throw error;
  } finally {
    await database.close();
  }
  return {
    ...{ server, url, open },
    // A connection each time: the server may have been restarted in between.
    async execute(sql) {
      const session = await PostgresSession.open({ ...connectionTo(url), ssl, applicationName: 'test' });
      try {
        return (await session.query({ text: sql })).rows.map((row) => [...row]);
      } finally {
        await session.close();
      }
    },
    remove: () => server.remove(),
  };
}

function connectionTo(url: string): PostgresConnectionOptions {
  return {
    address: parsePostgresUrl(url),
    ssl: { mode: 'disable' },
    connectTimeoutMs: 5000,
    applicationName: 'inference-service',
  };
}

/** The connections of one process, as the composition makes them. */
export async function openDatabaseAt(url: string, rest: Partial<PostgresPoolOptions> = {}): Promise<Database> {
  const options = {
    ...connectionTo(url),
    queryTimeoutMs: 5000,
    idleTimeoutMs: 60_000,
    observer: silentPostgresObserver,
    size: 4,
    ...rest,
  };
  const reads = await PostgresPool.open(options);
  const control = await PostgresPool.open({ ...options, size: 1 });
  return {
    ...{ reads, control, schema: 'inference' },
    openSession: () => PostgresSession.open(options),
    close: async () => void (await Promise.all([reads.close(), control.close()])),
  };
}

/** Keeps every fact. */
export function recordingPostgresObserver() {
  const facts = { lost: [] as unknown[], cancelled: 0, cancelFailed: [] as unknown[] };
  const observer: PostgresObserver = {
    connectionLost: ({ cause }) => void facts.lost.push(cause),
    statementCancelled: () => void facts.cancelled++,
    cancelFailed: ({ cause }) => void facts.cancelFailed.push(cause),
  };
  return { facts, observer };
}
