import type { Clock } from '../shared/clock.js';
import { DiskSync } from './disk-sync.js';
import { EventBacklog } from './event-backlog.js';
import { checkWorkerName, eventPaths } from './event-paths.js';
import type { EventPublisher } from './event-publisher.js';
import { EventSender } from './event-sender.js';
import type { EventSink } from './event-sink.js';
import { EventFile } from './file/event-file.js';
import { systemEventFiles, type EventFiles } from './file/event-files.js';
import { FileEventPublisher } from './file/file-publisher.js';
import { LineBacklog } from './file/line-backlog.js';
import { Journal } from './journal/journal.js';
import { systemJournalFiles, type JournalFiles } from './journal/journal-files.js';
import { systemProcessTable, type ProcessTable } from './journal/process-table.js';
import { NullEventPublisher } from './null-publisher.js';
import type { EventsObserver, JournalOperation } from './observer.js';
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
  /** Where events end. undefined: in the event file of this worker. */
  readonly sink?: EventSink | undefined;
  /** ENVIRONMENT, as written into each event. */
  readonly environment: string;
  readonly clock: Clock;
  readonly observer: EventsObserver;
  readonly timers?: Timers;
  readonly files?: JournalFiles;
  readonly eventFiles?: EventFiles;
  readonly processes?: ProcessTable;
  readonly random?: () => number;
}

const largestBatch = 500;

/**
 * A publisher that is at work: with a sink it takes over what dead processes left in the journal and starts to deliver; without
 * one the event file is where events end. A directory that cannot be written does not stop it: it is reported as trouble, and
 * events are held in memory.
 * @throws TypeError when the worker's name is not letters, digits, `_` and `-`.
 */
export function createEventPublisher(options: EventPublisherOptions): EventPublisher {
  const { stream, events, sink, environment } = options;
  if (!stream.enabled) return new NullEventPublisher();
  checkWorkerName(options.worker);
  const encoder = new EventEncoder({ source: events.source, environment, piiKey: events.pii_key });
  return sink === undefined ? openFilePublisher(options, encoder) : openQueuedPublisher({ ...options, sink }, encoder);
}

function openFilePublisher(options: EventPublisherOptions, encoder: EventEncoder): FileEventPublisher {
  const { stream, events, directory, worker, clock, observer, timers = systemTimers } = options;
  const files = options.eventFiles ?? systemEventFiles;
  const onTrouble = (operation: JournalOperation, reason: string) => observer.journalTrouble(operation, reason);
  const sync = new DiskSync({
    files,
    timers,
    policy: events.journal_fsync,
    onFailure: (reason) => onTrouble('sync', reason),
  });
  const file = new EventFile({ directory, worker, events, files, sync, clock, onTrouble });
  const backlog = new LineBacklog({ bufferSize: stream.buffer_size, observer });
  const { durability } = events;
  const flushIntervalMs = stream.flush_interval_ms;
  const publisher = new FileEventPublisher({
    ...{ encoder, backlog, file, sync, durability, flushIntervalMs },
    ...{ clock, timers, observer },
  });
  publisher.start();
  return publisher;
}

function openQueuedPublisher(
  options: EventPublisherOptions & { readonly sink: EventSink },
  encoder: EventEncoder,
): QueuedEventPublisher {
  const { stream, events, sink, clock, observer, timers = systemTimers, random = Math.random } = options;
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
  const publisher = new QueuedEventPublisher({ encoder, backlog, journal, sender, sink, durability, clock, timers });
  publisher.start();
  return publisher;
}
