import type { EventsObserver } from '../events/index.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** Counts and logs the facts of events. The accounts themselves are read from the publisher when metrics are collected. */
export function eventsObserver(instruments: Instruments, logger: Logger): EventsObserver {
  return {
    delivered: (_events, milliseconds) => instruments.eventDelivery.observe(milliseconds / 1000),
    deliveryFailed: (reason, attempt) => {
      instruments.eventDeliveryFailures.inc();
      logger.warn({ reason, attempt }, 'Events could not be delivered; they will be tried again');
    },
    dropped: (reason, events) => {
      instruments.eventsLost.inc({ reason }, events);
      logger.error({ reason, events }, 'Events were lost');
    },
    journalTrouble: (operation, reason) => {
      instruments.journalTrouble.inc({ reason: operation });
      logger.error({ operation, reason }, 'The event journal cannot be used; new events are held in memory');
    },
    journalRecovered: () => logger.info('The event journal can be used again'),
    replayed: ({ events, tornTails, damagedSegments }) => {
      const facts = { events, torn_tails: tornTails, damaged_segments: damagedSegments };
      if (events + tornTails + damagedSegments > 0)
        logger.info(facts, 'Events of an earlier run were found in the journal');
    },
  };
}
