import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEventPublisher } from '../../../src/events/create-event-publisher.js';
import { eventFiles } from '../../../src/events/event-paths.js';
import type { EventPublisher } from '../../../src/events/event-publisher.js';
import type { EventsOptions, EventStreamOptions } from '../../../src/events/options.js';
import { ManualClock } from '../../../src/shared/clock.js';
import { FaultyEventFiles } from './faulty-event-files.js';
import { ManualTimers } from './manual-timers.js';
import { eventsDefaults, RecordingObserver } from './publisher-fixture.js';

export interface FileLife {
  readonly publisher: EventPublisher;
  readonly observer: RecordingObserver;
}

/** One data folder to whose event files publishers write, in real files. */
export class FileMachine {
  readonly directory = mkdtempSync(join(tmpdir(), 'events-'));
  readonly clock = new ManualClock();
  readonly timers = new ManualTimers(this.clock);
  readonly files = new FaultyEventFiles();

  start(stream: Partial<EventStreamOptions> = {}, events: Partial<EventsOptions> = {}, worker = 'one'): FileLife {
    const observer = new RecordingObserver();
    const publisher = createEventPublisher({
      stream: { enabled: true, buffer_size: 1000, flush_interval_ms: 100, ...stream },
      events: { ...eventsDefaults, ...events },
      directory: this.directory,
      worker,
      environment: 'test',
      clock: this.clock,
      timers: this.timers,
      eventFiles: this.files,
      observer,
    });
    return { publisher, observer };
  }

  path(name: string): string {
    return join(this.directory, 'events', name);
  }

  names(): string[] {
    return readdirSync(this.path('')).sort();
  }

  /** All lines of the kept files, whole and torn, in the order in which they were written. */
  texts(): string[] {
    const contents = eventFiles(this.names()).map(({ name }) => readFileSync(this.path(name), 'utf8'));
    return contents.flatMap((text) => text.split('\n').slice(0, text.endsWith('\n') || text === '' ? -1 : undefined));
  }

  /** @throws SyntaxError where a line is torn. */
  events(): { readonly id: string; readonly data: Record<string, unknown> }[] {
    return this.texts().map((line) => JSON.parse(line) as { id: string; data: Record<string, unknown> });
  }

  ids(): string[] {
    return this.events().map(({ id }) => id);
  }

  /** The process is dead; what it wrote is there. */
  kill(): void {
    this.timers.forgetAll();
    this.files.closeAll();
    this.files.mend();
  }

  remove(): void {
    this.files.closeAll();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
