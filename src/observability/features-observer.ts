import type { FeaturesObserver } from '../features/index.js';
import { messageOf } from '../shared/errors.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** Counts and logs the facts of stored features. */
export function featuresObserver(instruments: Instruments, logger: Logger): FeaturesObserver {
  const { cacheReads, cacheTrouble, cacheEvictions, storeReads, storeFailures, staleReads } = instruments;
  return {
    cacheRead: ({ hits, misses }) => {
      if (hits > 0) cacheReads.inc({ result: 'hit' }, hits);
      if (misses > 0) cacheReads.inc({ result: 'miss' }, misses);
    },
    cacheTrouble: ({ kind, cause }) => {
      cacheTrouble.inc({ reason: kind });
      // An outage fails every read and write of the cache: only what begins it has a cause.
      const repeats = cause === undefined && (kind === 'unreachable' || kind === 'write_failed');
      if (repeats) return;
      logger.warn({ reason: kind, cause: cause === undefined ? undefined : messageOf(cause) }, 'Feature cache trouble');
    },
    cacheEvicted: ({ entries }) => cacheEvictions.inc({}, entries),
    cacheCleared: () => logger.info('Feature cache cleared: stored rows have changed'),
    storeRead: ({ durationMs }) => storeReads.observe({}, durationMs / 1000),
    storeFailed: ({ cause }) => {
      storeFailures.inc({ reason: 'failed' });
      logger.error({ cause: messageOf(cause) }, 'Feature store could not be read');
    },
    storeShed: () => storeFailures.inc({ reason: 'shed' }),
    singleFlightShared: ({ keys }) => instruments.cacheShared.inc({}, keys),
    staleRead: ({ view }) => staleReads.inc({ view }),
  };
}
