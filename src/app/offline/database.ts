import type { Config } from '../../config/schema.js';
import { PostgresError } from '../../shared/postgres/errors.js';
import { silentPostgresObserver } from '../../shared/postgres/observer.js';
import { databaseStatus, migrateDatabase, requireSchema } from '../database-schema.js';
import { openDatabase, type Database } from '../open-database.js';
import type { DatabaseOperations } from '../operations.js';

export const databaseOperations: DatabaseOperations = {
  status: (config) => withDatabase(config, databaseStatus),

  async migrate(config) {
    return withDatabase(config, async (database) => {
      const applied = await migrateDatabase(database);
      return { ...(await databaseStatus(database)), applied };
    });
  },
};

/**
 * Before a start: whether the database can be served from.
 * @returns why it cannot be asked now, where it may answer later. @throws Error that says how to mend what will not mend itself.
 */
export async function checkDatabase(config: Config): Promise<string | undefined> {
  const database = await openDatabase(config, silentPostgresObserver);
  try {
    if (database !== undefined) await requireSchema(database);
    return undefined;
  } catch (error) {
    if (error instanceof PostgresError && error.kind === 'unreachable') return error.message;
    throw error;
  } finally {
    await database?.close();
  }
}

async function withDatabase<T>(config: Config, use: (database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase(config, silentPostgresObserver);
  if (database === undefined) {
    throw new Error('no database is configured: export DATABASE_URL=postgres://USER:PASSWORD@HOST:PORT/DATABASE');
  }
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}
