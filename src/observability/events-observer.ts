import type { DropReason, EventsObserver, JournalOperation } from '../events/index.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';
import { ThinnedCounts } from './thinned-counts.js';

/** Counts and logs the facts of events. The accounts themselves are read from the publisher when metrics are collected. */
export function eventsObserver(instruments: Instruments, logger: Logger): EventsObserver {
  const dropped = new ThinnedCounts<DropReason>((reason, events) =>
    logger.error({ reason, events }, 'Events were lost'),
  );
  return {
    delivered: (_events, milliseconds) => instruments.eventDelivery.observe({}, milliseconds / 1000),
    deliveryFailed: (reason, attempt) => {
      instruments.eventDeliveryFailures.inc();
      logger.warn({ reason, attempt }, 'Events could not be delivered; they will be tried again');
    },
    sinkClientRenewed: (reason) => {
      instruments.eventSinkRenewals.inc();
      logger.warn({ reason }, 'The client of the event sink is made anew');
    },
    dropped: (reason, events) => {
      instruments.eventsLost.inc({ reason }, events);
      dropped.add(reason, events);
    },
    journalTrouble: (operation, reason) => {
      instruments.journalTrouble.inc({ reason: operation });
      logger.error({ operation, reason }, journalTroubles[operation]);
    },
    journalRecovered: () => logger.info('The event journal can be written again'),
    replayed: ({ events, tornTails, damagedSegments }) => {
      const facts = { events, torn_tails: tornTails, damaged_segments: damagedSegments };
      if (events + tornTails + damagedSegments > 0)
        logger.info(facts, 'Events of an earlier run were found in the journal');
    },
    journalWaits: (found) =>
      logger.warn(
        found,
        'Events that Kafka did not take wait in the journal; they are delivered once Kafka is configured again',
      ),
  };
}

/** What each failed operation costs. */
const journalTroubles: Readonly<Record<JournalOperation, string>> = {
  open: 'The event journal cannot be written; new events are held in memory',
  write: 'The event journal cannot be written; new events are held in memory',
  sync: 'The event journal could not be forced to the disk; a crash of the machine may cost its newest events',
  read: 'Events could not be read back from the journal',
  cursor: 'How far events were delivered could not be noted; a restart may deliver some of them again',
  remove: 'An event file, or a delivered part of the event journal, could not be removed; it takes up space',
  adopt: 'The event journal of an earlier process could not be taken over; the next start tries again',
};
