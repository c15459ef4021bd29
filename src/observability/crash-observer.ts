import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** Counts what nobody caught; only the first is logged, as the process ends because of it and others mostly follow from it. */
export function crashObserver({ crashes }: Instruments, logger: Logger) {
  let logged = false;
  return {
    crashed: (kind: string, thrown: unknown) => {
      crashes.inc({ kind });
      if (!logged) logger.fatal({ kind, err: thrown }, 'Something was thrown that nobody caught: stopping');
      logged = true;
    },
  };
}
