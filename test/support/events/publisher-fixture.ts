import { createEventPublisher } from '../../../src/events/create-event-publisher.js';
import type { EventPublisher } from '../../../src/events/event-publisher.js';
import type { EventSink, WireEvent } from '../../../src/events/event-sink.js';
import type {
  DropReason,
  EventsObserver,
  JournalOperation,
  ReplayedJournal,
  WaitingJournal,
} from '../../../src/events/observer.js';
import type { EventsOptions, EventStreamOptions } from '../../../src/events/options.js';
import type { PredictionRecord } from '../../../src/events/prediction-event.js';
import { ManualClock } from '../../../src/shared/clock.js';
import { ManualTimers } from './manual-timers.js';
import { MemoryFiles } from './memory-files.js';

/** Keeps what it is told. */
export class RecordingObserver implements EventsObserver {
  deliveredEvents = 0;
  failures: { reason: string; attempt: number }[] = [];
  drops: Partial<Record<DropReason, number>> = {};
  troubles: JournalOperation[] = [];
  recoveries = 0;
  replays: ReplayedJournal[] = [];
  renewals: string[] = [];
  waiting: WaitingJournal[] = [];

  delivered(events: number): void {
    this.deliveredEvents += events;
  }
  deliveryFailed(reason: string, attempt: number): void {
    this.failures.push({ reason, attempt });
  }
  sinkClientRenewed(reason: string): void {
    this.renewals.push(reason);
  }
  dropped(reason: DropReason, events: number): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + events;
  }
  journalTrouble(operation: JournalOperation): void {
    this.troubles.push(operation);
  }
  journalRecovered(): void {
    this.recoveries++;
  }
  replayed(found: ReplayedJournal): void {
    this.replays.push(found);
  }
  journalWaits(found: WaitingJournal): void {
    this.waiting.push(found);
  }
}

/** Takes what it gets until it is closed, unless told to fail or to hang. */
export class MemorySink implements EventSink {
  readonly received: WireEvent[] = [];
  batches = 0;
  failure: Error | undefined;
  closed = false;
  #held: (() => void)[] = [];
  #isHolding = false;

  async deliver(batch: readonly WireEvent[]): Promise<void> {
    if (this.closed) throw new Error('The sink is closed');
    this.batches++;
    if (this.#isHolding) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.failure !== undefined) throw this.failure;
    // What the publisher keeps in its buffers may change afterwards.
    this.received.push(...batch.map(({ id, key, json }) => ({ id, key, json: Buffer.from(json) })));
  }

  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    for (const resume of this.#held.splice(0)) resume();
  }

  get ids(): string[] {
    return this.received.map(({ id }) => id);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

export interface Life {
  readonly publisher: EventPublisher;
  readonly sink: MemorySink;
  readonly observer: RecordingObserver;
}

/** One machine on which publishers live and die: the files stay, the clock goes on. */
export class Machine {
  readonly clock = new ManualClock();
  readonly timers = new ManualTimers(this.clock);
  readonly files = new MemoryFiles();
  readonly #living = new Set<string>();
  #lives = 0;

  start(stream: Partial<EventStreamOptions> = {}, events: Partial<EventsOptions> = {}, worker = 'one'): Life {
    const sink = new MemorySink();
    const observer = new RecordingObserver();
    const self = `process-${++this.#lives}`;
    this.#living.add(self);
    const publisher = createEventPublisher({
      stream: { enabled: true, buffer_size: 1000, flush_interval_ms: 100, ...stream },
      events: { ...eventsDefaults, ...events },
      directory: '/data',
      worker,
      sink,
      environment: 'test',
      clock: this.clock,
      timers: this.timers,
      files: this.files,
      processes: { self, alive: (identity) => this.#living.has(identity) },
      random: () => 0.5,
      observer,
    });
    return { publisher, sink, observer };
  }

  /** All processes are gone; what they wrote is there. (Objects of the dead must not be used again.) */
  killAll(): void {
    this.#living.clear();
    this.timers.forgetAll();
    this.files.closeAll();
  }
}

export const eventsDefaults: EventsOptions = {
  durability: 'journal',
  journal_fsync: 'never',
  journal_max_bytes: 64 * 1024 * 1024,
  file_max_bytes: 1024 * 1024,
  file_keep: 3,
  source: '/inference-service',
};

export function predictionRecord(number: number, changes: Partial<PredictionRecord> = {}): PredictionRecord {
  return {
    eventId: `event-${number}`,
    requestId: `request-${number}`,
    timestamp: Date.parse('2026-01-02T03:04:05.678Z'),
    modelId: 'mortgage_denial',
    modelVersion: '1.1.0',
    status: 'success',
    features: [{ name: 'credit_score', value: 3, origin: 'cache', ageSeconds: 12.3456, pii: false }],
    entities: [{ name: 'applicant_id', key: `A-${number % 7}`, pii: false }],
    prediction: { denial_probability: 0.25 },
    confidence: 0.75,
    latencyMs: 1.23456,
    stageMs: { features: 0.5, model: 0.25 },
    cacheHit: true,
    clientId: 'team-a',
    ...changes,
  };
}

/** offered = delivered + journaled + dropped + inMemory, and nothing negative. */
export function accountsHold(publisher: EventPublisher): boolean {
  const { offered, delivered, journaled, dropped, inMemory } = publisher.accounts();
  return (
    offered === delivered + journaled + dropped + inMemory &&
    Math.min(offered, delivered, journaled, dropped, inMemory) >= 0
  );
}

/** Ids of the events `from`, …, `to` - 1. */
export const idsFrom = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `event-${from + index}`);

/** Records the events `from`, …, `to` - 1; the answer counts how many of their promises have settled. */
export function recordAll({ publisher }: Pick<Life, 'publisher'>, from: number, to: number): { settled: number } {
  const outcome = { settled: 0 };
  for (let number = from; number < to; number++) {
    void publisher.record(predictionRecord(number))?.then(() => outcome.settled++);
  }
  return outcome;
}
