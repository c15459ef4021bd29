import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createAuthenticator, createRateLimiter, createWindows } from '../access/create-access.js';
import type { AccessObserver, Authenticator, RateLimiter } from '../access/index.js';
import { SqliteKeyStore } from '../access/keys/sqlite-key-store.js';
import type { MessageChannel } from '../access/rate-limit/window-messages.js';
import { WindowOwner } from '../access/rate-limit/window-owner.js';
import { WindowTable } from '../access/rate-limit/window-table.js';
import { systemAccessTimers } from '../access/timers.js';
import type { Config } from '../config/schema.js';
import { systemClock } from '../shared/clock.js';
import { dataPaths } from './data-paths.js';

/** Who may call, and how often. */
export interface Access {
  readonly authenticator: Authenticator;
  /** null: no limit. */
  readonly limiter: RateLimiter | null;
  close(): Promise<void>;
}

/** `channel` leads to the primary that owns the windows; undefined where this process serves alone. */
export async function openAccess(
  config: Config,
  channel: MessageChannel | undefined,
  observer: AccessObserver,
): Promise<Access> {
  const { auth, rate_limit, workers, data } = config.inference_service;
  const parts = { clock: systemClock, timers: systemAccessTimers, observer };
  const windows = createWindows({ ...parts, ...(channel !== undefined && { primary: { channel, workers } }) });
  const paths = dataPaths(data);
  mkdirSync(paths.root, { recursive: true, mode: 0o700 });
  const keyStore = new SqliteKeyStore(paths.keys);
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

/** The windows of all workers, held by the primary. */
export function openWindowOwner(observer: AccessObserver): WindowOwner {
  return new WindowOwner(new WindowTable({ clock: systemClock, observer }));
}
