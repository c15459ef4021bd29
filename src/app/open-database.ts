import path from 'node:path';
import type { Config } from '../config/schema.js';
import { parsePostgresUrl } from '../shared/postgres/address.js';
import type { PostgresConnectionOptions } from '../shared/postgres/connection.js';
import type { PostgresObserver } from '../shared/postgres/observer.js';
import { PostgresPool } from '../shared/postgres/pool.js';
import { PostgresSession } from '../shared/postgres/session.js';

/** The connections of one process to the configured PostgreSQL. Nothing is connected before it is needed. */
export interface Database {
  /** For reads of features. */
  readonly reads: PostgresPool;
  /** One connection for keys, and for the questions whether keys or features have changed: they never wait behind reads. */
  readonly control: PostgresPool;
  /** Where the program's own tables are. */
  readonly schema: string;
  readonly openSession: () => Promise<PostgresSession>;
  readonly close: () => Promise<void>;
}

/** undefined where no database is configured: all is embedded then. The driver is loaded only otherwise. */
export async function openDatabase(config: Config, observer: PostgresObserver): Promise<Database | undefined> {
  const { database } = config.inference_service;
  if (database.url === undefined) return undefined;
  const connection = connectionOf(config, database.url);
  const limits = {
    queryTimeoutMs: database.query_timeout_ms,
    idleTimeoutMs: database.idle_timeout_seconds * 1000,
    observer,
  };
  const reads = await PostgresPool.open({ ...connection, ...limits, size: database.pool_size });
  const control = await PostgresPool.open({ ...connection, ...limits, size: 1 });
  return {
    ...{ reads, control, schema: database.schema },
    openSession: () => PostgresSession.open(connection),
    close: async () => void (await Promise.all([reads.close(), control.close()])),
  };
}

function connectionOf(config: Config, url: string): PostgresConnectionOptions {
  const { ssl, connect_timeout_ms } = config.inference_service.database;
  const address = parsePostgresUrl(url);
  return {
    address,
    ssl: {
      mode: ssl.mode ?? address.sslMode ?? 'disable',
      ...(ssl.ca_file !== undefined && { caFile: path.resolve(ssl.ca_file) }),
    },
    connectTimeoutMs: connect_timeout_ms,
    applicationName: 'inference-service',
  };
}
