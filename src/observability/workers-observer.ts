import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** Logs the life of worker processes and counts their deaths. */
export function workersObserver({ workerDeaths }: Instruments, logger: Logger) {
  return {
    workerStarted: (worker: number, pid: number | undefined) => logger.info({ worker, pid }, 'A worker serves'),
    workerDied: (worker: number, reason: string, replaceInMs: number) => {
      workerDeaths.inc();
      logger.error({ worker, reason, replace_in_ms: replaceInMs }, 'A worker died; another takes its place');
    },
  };
}
