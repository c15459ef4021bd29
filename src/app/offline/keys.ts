import { existsSync, mkdirSync } from 'node:fs';
import { KeyAdministration } from '../../access/keys/key-administration.js';
import { SqliteKeyStore } from '../../access/keys/sqlite-key-store.js';
import type { Config } from '../../config/schema.js';
import { systemClock } from '../../shared/clock.js';
import { dataPaths } from '../data-paths.js';
import type { KeyOperations } from '../operations.js';

/** The key store of the data folder, made when it is absent. */
export function openKeys(config: Config): KeyOperations {
  const { root, keys } = dataPaths(config.inference_service.data);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return new KeyAdministration(new SqliteKeyStore(keys), systemClock);
}

/** Whether some stored key would be let in. Makes no store. */
export async function hasApiKey(config: Config): Promise<boolean> {
  if (!existsSync(dataPaths(config.inference_service.data).keys)) return false;
  const keys = openKeys(config);
  try {
    return (await keys.list()).some(({ state }) => state === 'active' || state === 'replaced');
  } finally {
    await keys.close();
  }
}
