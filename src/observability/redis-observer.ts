import type { RedisObserver } from '../shared/redis-client.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** One line for each outage of Redis, and one for its end. */
export function redisObserver({ redisUnreachable, redisRefusals }: Instruments, logger: Logger): RedisObserver {
  return {
    redisUnreachable: (cause) => {
      redisUnreachable.set(1);
      logger.error({ cause }, 'Redis cannot be used: the feature store answers, and limits are held by shares');
    },
    redisReachable: () => {
      redisUnreachable.set(0);
      logger.info('Redis can be used again');
    },
    redisRefused: (cause) => {
      redisRefusals.inc();
      logger.error({ cause }, 'Redis refused a command');
    },
  };
}
