import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventsRefusedError } from './event-sink.js';
import type { FileOperation } from '../../test/support/events/memory-files.js';
import { accountsHold, Machine, predictionRecord, type Life } from '../../test/support/events/publisher-fixture.js';

type Step =
  | { kind: 'record'; count: number; size: number }
  | { kind: 'turn' }
  | { kind: 'advance'; milliseconds: number }
  | { kind: 'sink'; state: 'up' | 'down' | 'hold' | 'release' | 'refuse' }
  | { kind: 'fault'; operation: FileOperation; code: string }
  | { kind: 'mend' }
  | { kind: 'space'; bytes: number };

const operations: FileOperation[] = [
  'create',
  'append',
  'truncate',
  'overwrite',
  'openForUpdate',
  'readPart',
  'remove',
  'sync',
];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      count: fc.integer({ min: 1, max: 30 }),
      size: fc.nat(400),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'turn' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), milliseconds: fc.integer({ min: 1, max: 3000 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('sink' as const),
      state: fc.constantFrom('up' as const, 'down' as const, 'hold' as const, 'release' as const, 'refuse' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      operation: fc.constantFrom(...operations),
      code: fc.constantFrom('ENOSPC', 'EIO', 'EROFS'),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'mend' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('space' as const), bytes: fc.nat(5000) }) },
);

const setting = fc.record({
  durability: fc.constantFrom('journal' as const, 'memory' as const),
  journal_fsync: fc.constantFrom('never' as const, 'interval' as const, 'always' as const),
  journal_max_bytes: fc.constantFrom(8_000, 60_000, 10_000_000),
  buffer_size: fc.integer({ min: 1, max: 40 }),
});

/** Plays steps on a life, and checks after each that every event is accounted for. */
class Play {
  #offered = 0;
  readonly written = new Set<string>();

  constructor(
    readonly machine: Machine,
    readonly life: Life,
    readonly bufferSize: number,
  ) {}

  async do(step: Step): Promise<void> {
    const { timers, files } = this.machine;
    if (step.kind === 'record') this.#record(step);
    else if (step.kind === 'turn') await timers.turn();
    else if (step.kind === 'advance') await timers.advance(step.milliseconds);
    else if (step.kind === 'sink') this.#sink(step.state);
    else if (step.kind === 'fault') files.faults.set(step.operation, step.code);
    else if (step.kind === 'space') files.space = step.bytes;
    else this.mend();
    this.check();
  }

  mend(): void {
    this.machine.files.faults.clear();
    this.machine.files.space = Infinity;
  }

  check(): void {
    const { publisher } = this.life;
    expect(publisher.accounts().offered).toBe(this.#offered);
    expect(accountsHold(publisher), JSON.stringify(publisher.accounts())).toBe(true);
    expect(publisher.accounts().inMemory).toBeLessThanOrEqual(this.bufferSize);
  }

  #record({ count, size }: { count: number; size: number }): void {
    for (let index = 0; index < count; index++) {
      const record = predictionRecord(this.#offered++, { clientId: 'x'.repeat(size) });
      void this.life.publisher.record(record)?.then(() => this.written.add(record.eventId));
      this.check();
    }
  }

  #sink(state: 'up' | 'down' | 'hold' | 'release' | 'refuse'): void {
    const { sink } = this.life;
    if (state === 'hold') sink.hold();
    else if (state === 'release') sink.release();
    else if (state === 'refuse') sink.failure = new EventsRefusedError([`event-${this.#offered - 3}`], 'too large');
    else sink.failure = state === 'up' ? undefined : new Error('down');
  }
}

const numberOf = (id: string) => Number(id.slice('event-'.length));

describe('demand 32: the accounts of a publisher, whatever happens to its disk and its sink', () => {
  it('accounts for every event at all times, repeats none, keeps the order, and ends with all delivered or dropped', async () => {
    await fc.assert(
      fc.asyncProperty(setting, fc.array(step, { maxLength: 60 }), async ({ buffer_size, ...events }, steps) => {
        const machine = new Machine();
        const life = machine.start({ buffer_size }, events);
        const play = new Play(machine, life, buffer_size);
        for (const one of steps) await play.do(one);
        play.mend();
        life.sink.release();
        life.sink.failure = undefined;
        await machine.timers.turn();
        for (let round = 0; round < 20; round++) await machine.timers.advance(20_000);
        play.check();
        expect(life.publisher.accounts()).toMatchObject({ journaled: 0, inMemory: 0, delivered: life.sink.ids.length });
        const numbers = life.sink.ids.map(numberOf);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
        await life.publisher.close(1000);
        play.check();
        expect(machine.files.openFiles).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('with a journal and a disk that works: every event whose record settled is delivered, through death at any moment', async () => {
    const calm = step.filter(
      ({ kind }) => kind === 'record' || kind === 'turn' || kind === 'advance' || kind === 'sink',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(calm, { maxLength: 20 }), { minLength: 1, maxLength: 4 }), async (lives) => {
        const machine = new Machine();
        const settled = new Set<string>();
        const received = new Set<string>();
        for (const [index, steps] of [...lives, []].entries()) {
          const life = machine.start({ buffer_size: 30 });
          const play = new NumberedPlay(machine, life, index);
          for (const one of steps) await play.do(one);
          if (index === lives.length) await machine.timers.advance(100_000);
          for (const id of play.written) settled.add(id);
          machine.killAll();
          for (const id of life.sink.ids) received.add(id);
          life.sink.failure = new Error('dead');
        }
        expect([...settled].filter((id) => !received.has(id))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** A life among many: its events have names of their own. */
class NumberedPlay {
  readonly written = new Set<string>();
  #count = 0;

  constructor(
    readonly machine: Machine,
    readonly life: Life,
    readonly index: number,
  ) {}

  async do(step: Step): Promise<void> {
    if (step.kind === 'turn') await this.machine.timers.turn();
    if (step.kind === 'advance') await this.machine.timers.advance(step.milliseconds);
    if (step.kind === 'sink') this.life.sink.failure = step.state === 'down' ? new Error('down') : undefined;
    if (step.kind !== 'record') return;
    for (let index = 0; index < step.count; index++) {
      const eventId = `life-${this.index}-event-${this.#count++}`;
      void this.life.publisher.record(predictionRecord(0, { eventId }))?.then(() => this.written.add(eventId));
    }
  }
}
