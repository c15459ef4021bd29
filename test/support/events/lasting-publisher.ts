import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEventPublisher } from '../../../src/events/create-event-publisher.js';
import type { EventPublisher } from '../../../src/events/event-publisher.js';
import type { EventSink } from '../../../src/events/event-sink.js';
import { systemClock } from '../../../src/shared/clock.js';
import { eventsDefaults, RecordingObserver } from './publisher-fixture.js';

/** To the event file, or through the journal to a sink. */
export type Way = 'file' | 'sink';

/** A publisher on real files whose deliveries outlive the process: the sink adds their ids to the file `delivered`. */
export function openPublisher(way: Way, directory: string): EventPublisher {
  const sink: EventSink = {
    deliver: (batch) => {
      appendFileSync(join(directory, 'delivered'), batch.map(({ id }) => `${id}\n`).join(''));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  return createEventPublisher({
    stream: { enabled: true, buffer_size: 200, flush_interval_ms: 5 },
    events: { ...eventsDefaults, journal_max_bytes: 256 * 1024 * 1024, file_max_bytes: 256 * 1024 * 1024 },
    directory,
    worker: '1',
    sink: way === 'sink' ? sink : undefined,
    environment: 'test',
    clock: systemClock,
    observer: new RecordingObserver(),
  });
}
