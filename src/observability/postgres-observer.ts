import { messageOf } from '../shared/errors.js';
import type { PostgresObserver } from '../shared/postgres/observer.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** Counts and logs the facts of connections to PostgreSQL. */
export function postgresObserver(instruments: Instruments, logger: Logger): PostgresObserver {
  const { databaseConnectionsLost, databaseCancelled } = instruments;
  return {
    connectionLost: ({ cause }) => {
      databaseConnectionsLost.inc();
      logger.warn({ cause: messageOf(cause) }, 'A connection to PostgreSQL was lost');
    },
    statementCancelled: () => databaseCancelled.inc({ result: 'asked' }),
    cancelFailed: ({ cause }) => {
      databaseCancelled.inc({ result: 'failed' });
      logger.warn({ cause: messageOf(cause) }, 'PostgreSQL could not be asked to cancel a statement');
    },
  };
}
