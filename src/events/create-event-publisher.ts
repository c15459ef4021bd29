import type { Clock } from '../shared/clock.js';
import { EventBacklog } from './event-backlog.js';
import { eventPaths } from './event-paths.js';
import type { EventPublisher } from './event-publisher.js';
import { EventSender } from './event-sender.js';
import type { EventSink } from './event-sink.js';
import { Journal } from './journal/journal.js';
import { systemJournalFiles, type JournalFiles } from './journal/journal-files.js';
import { systemProcessTable, type ProcessTable } from './journal/process-table.js';
import { NullEventPublisher } from './null-publisher.js';
import type { EventsObserver } from './observer.js';
import type { EventsOptions, EventStreamOptions } from './options.js';
import { QueuedEventPublisher } from './publisher.js';
import { EventEncoder } from './wire-event.js';
import { systemTimers, type Timers } from '../shared/timers.js';

export interface EventPublisherOptions {
  readonly stream: EventStreamOptions;
  readonly events: EventsOptions;
  /** The data directory; it belongs to the processes of one machine (or one container), which may be many. */
  readonly directory: string;
  /** Unique among the workers that run at the same time; letters, digits, `_` and `-`. */
  readonly worker: string;
  readonly sink: EventSink;
  /** ENVIRONMENT, as written into each event. */
  readonly environment: string;
  readonly clock: Clock;
  readonly observer: EventsObserver;
  readonly timers?: Timers;
  readonly files?: JournalFiles;
  readonly processes?: ProcessTable;
  readonly random?: () => number;
}

const largestBatch = 500;

/**
 * A publisher that is at work: it takes over what dead processes left in the journal and starts to deliver. A directory that
 * cannot be written does not stop it: it is reported as trouble, and events are held in memory.
 * @throws TypeError when the worker's name is not letters, digits, `_` and `-`.
 */
export function createEventPublisher(options: EventPublisherOptions): EventPublisher {
  const { stream, events, sink, clock, observer, timers = systemTimers, random = Math.random } = options;
  if (!stream.enabled) return new NullEventPublisher();
  const { durability } = events;
  const journal = new Journal({
    root: eventPaths(options.directory).journal,
    worker: options.worker,
    events,
    cachedEvents: stream.buffer_size,
    files: options.files ?? systemJournalFiles,
    processes: options.processes ?? systemProcessTable(),
    clock,
    timers,
    observer,
  });
  const backlog = new EventBacklog({ journal, durability, bufferSize: stream.buffer_size, observer });
  const sender = new EventSender({
    backlog,
    sink,
    flushIntervalMs: stream.flush_interval_ms,
    // A batch that is on its way must leave room in memory for what comes.
    batchEvents: Math.min(largestBatch, Math.ceil(stream.buffer_size / 2)),
    clock,
    timers,
    observer,
    random,
  });
  const encoder = new EventEncoder({ source: events.source, environment: options.environment, piiKey: events.pii_key });
  const publisher = new QueuedEventPublisher({ encoder, backlog, journal, sender, sink, durability, clock, timers });
  publisher.start();
  return publisher;
}
