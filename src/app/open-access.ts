import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createAuthenticator, createRateLimiter, createWindows, type WindowsParts } from '../access/create-access.js';
import type { AccessObserver, Authenticator, RateLimiter } from '../access/index.js';
import type { KeyStore } from '../access/keys/key-store.js';
import { PostgresKeyStore } from '../access/keys/postgres-key-store.js';
import { SqliteKeyStore } from '../access/keys/sqlite-key-store.js';
import type { MessageChannel } from '../access/rate-limit/window-messages.js';
import { WindowOwner } from '../access/rate-limit/window-owner.js';
import { WindowTable } from '../access/rate-limit/window-table.js';
import type { Config } from '../config/schema.js';
import { systemClock } from '../shared/clock.js';
import type { RedisClient } from '../shared/redis-client.js';
import { dataPaths } from './data-paths.js';
import type { Database } from './open-database.js';
import { systemTimers } from '../shared/timers.js';

/** Who may call, and how often. */
export interface Access {
  readonly authenticator: Authenticator;
  /** null: no limit. */
  readonly limiter: RateLimiter | null;
  close(): Promise<void>;
}

/** Where the windows are that this process does not hold itself. */
export interface SharedWindows {
  /** Leads to the primary that owns them; undefined where this process serves alone. */
  readonly channel: MessageChannel | undefined;
  /** Holds those of all instances, and is asked in place of the primary. */
  readonly redis: RedisClient | undefined;
}

/** What several instances share; each part is undefined where it is not configured. */
export interface SharedAccess extends SharedWindows {
  /** Where the keys are, in place of the data folder. */
  readonly database: Database | undefined;
}

export async function openAccess(config: Config, shared: SharedAccess, observer: AccessObserver): Promise<Access> {
  const { auth, rate_limit, data } = config.inference_service;
  const parts = { clock: systemClock, timers: systemTimers, observer };
  const windows = createWindows({ ...parts, ...ownersOf(config, shared) });
  const keyStore = openKeyStore(data, shared.database);
  const options = auth.keys_file === undefined ? auth : { ...auth, keys_file: path.resolve(auth.keys_file) };
  const authenticator = await createAuthenticator({ ...parts, options, keyStore, windows });
  return {
    authenticator,
    limiter: rate_limit.enabled ? createRateLimiter({ options: rate_limit, windows, observer }) : null,
    async close() {
      await authenticator.close();
      await windows.close();
      await keyStore.close();
    },
  };
}

function openKeyStore(data: string, database: Database | undefined): KeyStore {
  if (database !== undefined) return new PostgresKeyStore(database.control, database.schema);
  const paths = dataPaths(data);
  mkdirSync(paths.root, { recursive: true, mode: 0o700 });
  return new SqliteKeyStore(paths.keys);
}

function ownersOf(config: Config, { channel, redis }: SharedWindows): Pick<WindowsParts, 'primary' | 'redis'> {
  const { workers, rate_limit, redis: settings } = config.inference_service;
  const processes = rate_limit.replicas * workers;
  return {
    ...(channel !== undefined && { primary: { channel, workers } }),
    ...(redis !== undefined && { redis: { client: redis, keyPrefix: settings.key_prefix, processes } }),
  };
}

/** The windows of all workers, held by the primary. */
export function openWindowOwner(observer: AccessObserver): WindowOwner {
  return new WindowOwner(new WindowTable({ clock: systemClock, observer }));
}
