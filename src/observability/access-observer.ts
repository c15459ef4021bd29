import type { AccessObserver } from '../access/index.js';
import type { OverloadObserver } from '../overload/index.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** Counts and logs who was let in and who was not. No argument of these facts holds a credential. */
export function accessObserver(instruments: Instruments, logger: Logger): AccessObserver {
  const { authentications, authFailures, jwksFetches, limiterDegraded, limiterOverflow, rateLimited } = instruments;
  return {
    authOk: (kind) => authentications.inc({ kind }),
    authFailed: (reason, address) => {
      authFailures.inc({ reason });
      logger.info({ reason, address }, 'Credentials were refused');
    },
    keysReloaded: (source, keys) => logger.info({ source, keys }, 'API keys were read'),
    keysUnavailable: (source, reason) => logger.error({ source, reason }, 'API keys cannot be read; those known go on'),
    keysFileInvalid: (problems) =>
      logger.error({ problems }, 'The keys file has mistakes; the keys known before go on'),
    jwksFetch: (result, reason) => {
      jwksFetches.inc({ result });
      if (result === 'failed') logger.warn({ reason }, "The token issuer's keys could not be fetched");
    },
    rateLimited: () => rateLimited.inc(),
    limiterDegraded: () => limiterDegraded.inc(),
    limiterOverflow: () => limiterOverflow.inc(),
  };
}

/** Counts what admission refuses; its changes of state are logged, each refusal is not. */
export function overloadObserver({ shed, shedding }: Instruments, logger: Logger): OverloadObserver {
  return {
    shed: (reason) => shed.inc({ reason }),
    admissionState: (state) => {
      shedding.set(state === 'shedding' ? 1 : 0);
      logger.warn(
        { state },
        state === 'shedding' ? 'Overloaded: refusing what cannot be answered in time' : 'Overload is over',
      );
    },
  };
}
