import { existsSync, mkdirSync } from 'node:fs';
import { KeyAdministration } from '../../access/keys/key-administration.js';
import type { KeyStore } from '../../access/keys/key-store.js';
import { PostgresKeyStore } from '../../access/keys/postgres-key-store.js';
import { SqliteKeyStore } from '../../access/keys/sqlite-key-store.js';
import type { Config } from '../../config/schema.js';
import { systemClock } from '../../shared/clock.js';
import { isPostgresUrl } from '../../shared/postgres/address.js';
import { silentPostgresObserver } from '../../shared/postgres/observer.js';
import { dataPaths } from '../data-paths.js';
import { requireSchema } from '../database-schema.js';
import { openDatabase } from '../open-database.js';
import type { KeyOperations } from '../operations.js';

/** The keys of the database where one is configured, else of the data folder, whose store is made when it is absent. */
export async function openKeys(config: Config): Promise<KeyOperations> {
  return new KeyAdministration(await openKeyStore(config), systemClock);
}

async function openKeyStore(config: Config): Promise<KeyStore> {
  const database = await openDatabase(config, silentPostgresObserver);
  if (database === undefined) {
    const { root, keys } = dataPaths(config.inference_service.data);
    mkdirSync(root, { recursive: true, mode: 0o700 });
    return new SqliteKeyStore(keys);
  }
  try {
    await requireSchema(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  return new PostgresKeyStore(database.control, database.schema, database.close);
}

/** Whether some stored key would be let in. Makes no store, and asks no database where keys are not needed or none can be asked. */
export async function hasApiKey(config: Config): Promise<boolean> {
  const { auth, database, data } = config.inference_service;
  const askable = database.url === undefined ? existsSync(dataPaths(data).keys) : isPostgresUrl(database.url);
  if (!askable || (database.url !== undefined && auth.mode === 'none')) return false;
  const keys = await openKeys(config);
  try {
    return (await keys.list()).some(({ state }) => state === 'active' || state === 'replaced');
  } finally {
    await keys.close();
  }
}
