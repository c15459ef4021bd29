import { appendFileSync, readdirSync, renameSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventFileOperation } from '../../../test/support/events/faulty-event-files.js';
import { FileMachine, type FileLife } from '../../../test/support/events/file-machine.js';
import { settled } from '../../../test/support/events/manual-timers.js';
import { accountsHold, predictionRecord } from '../../../test/support/events/publisher-fixture.js';

type Step =
  | { kind: 'record'; count: number; size: number }
  | { kind: 'turn' }
  | { kind: 'advance'; milliseconds: number }
  | { kind: 'fault'; operation: EventFileOperation; code: string }
  | { kind: 'space'; bytes: number }
  | { kind: 'mend' }
  | { kind: 'restart'; torn: number }
  | { kind: 'move' };

const operations: EventFileOperation[] = [
  ...(['makeDirectory', 'open', 'append', 'truncate', 'state', 'stateAt', 'readPart'] as const),
  ...(['rename', 'list', 'remove', 'sync', 'syncDirectory'] as const),
];

const of = <const K extends string>(kind: K) => ({ kind: fc.constant(kind) });
const steps: fc.Arbitrary<Step>[] = [
  fc.record({ ...of('record'), count: fc.integer({ min: 1, max: 30 }), size: fc.nat(3000) }),
  fc.record(of('turn')),
  fc.record({ ...of('advance'), milliseconds: fc.integer({ min: 1, max: 3000 }) }),
  fc.record({
    ...of('fault'),
    operation: fc.constantFrom(...operations),
    code: fc.constantFrom('ENOSPC', 'EIO', 'EROFS'),
  }),
  fc.record({ ...of('space'), bytes: fc.nat(20_000) }),
  fc.record(of('mend')),
  fc.record({ ...of('restart'), torn: fc.nat(100) }),
  fc.record(of('move')),
];
const weights = [8, 6, 5, 3, 2, 3, 1, 1];
const step = fc.oneof(...steps.map((arbitrary, index) => ({ arbitrary, weight: weights[index] ?? 1 })));

const setting = fc.record({
  durability: fc.constantFrom('journal' as const, 'memory' as const),
  journal_fsync: fc.constantFrom('never' as const, 'interval' as const, 'always' as const),
  buffer_size: fc.integer({ min: 1, max: 40 }),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

/** Plays steps on a data folder. Numbers of events grow, so order and losses can be told from them. */
class Play {
  readonly machine = new FileMachine();
  readonly #setting: Setting;
  #life: FileLife;
  #number = 0;
  #offered = 0;
  /** By earlier lives. */
  #delivered = 0;
  #mayRepeat = false;
  /** How often the disk went bad. */
  #faults = 0;
  readonly settledOnGoodDisk = new Set<string>();

  constructor(settings: Setting) {
    this.#setting = settings;
    this.#life = this.#start();
  }

  get mayRepeat(): boolean {
    return this.#mayRepeat;
  }

  get life(): FileLife {
    return this.#life;
  }

  get delivered(): number {
    return this.#delivered + this.#life.publisher.accounts().delivered;
  }

  async do(one: Step): Promise<void> {
    const { timers, files } = this.machine;
    if (one.kind === 'record') this.#record(one);
    else if (one.kind === 'turn') await timers.turn();
    else if (one.kind === 'advance') await timers.advance(one.milliseconds);
    else if (one.kind === 'space') this.#fill(one.bytes);
    else if (one.kind === 'mend') files.mend();
    else if (one.kind === 'restart') await this.#restart(one.torn);
    else if (one.kind === 'move') await this.#move();
    else {
      files.faults.set(one.operation, one.code);
      this.#faults++;
      // What cannot be cut off stays, and comes again.
      this.#mayRepeat ||= one.operation === 'truncate' || one.operation === 'state';
    }
    this.check();
  }

  check(): void {
    const { publisher } = this.#life;
    expect(publisher.accounts().offered).toBe(this.#offered);
    expect(accountsHold(publisher), JSON.stringify(publisher.accounts())).toBe(true);
    expect(publisher.accounts().inMemory).toBeLessThanOrEqual(this.#setting.buffer_size);
  }

  #start(): FileLife {
    const { buffer_size, ...events } = this.#setting;
    return this.machine.start({ buffer_size }, { ...events, file_max_bytes: 65_536, file_keep: 10_000 });
  }

  #record({ count, size }: { count: number; size: number }): void {
    for (let index = 0; index < count; index++) {
      const record = predictionRecord(this.#number++, { clientId: 'ü'.repeat(size) });
      this.#offered++;
      const written = this.#life.publisher.record(record);
      const faults = this.#isGood() ? this.#faults : undefined;
      void written?.then(() => {
        if (this.#isGood() && this.#faults === faults) this.settledOnGoodDisk.add(record.eventId);
      });
      this.check();
    }
  }

  #fill(bytes: number): void {
    this.machine.files.space = bytes;
    this.#faults++;
  }

  #isGood(): boolean {
    const { files } = this.machine;
    return files.faults.size === 0 && files.space === Infinity && this.#life.publisher.health() === 'healthy';
  }

  /** The process dies, perhaps within a write. */
  async #restart(torn: number): Promise<void> {
    const { machine } = this;
    // A sync that is on its way would close files of the next life, by their numbers.
    await settled();
    this.#delivered += this.#life.publisher.accounts().delivered;
    this.#offered = 0;
    machine.kill();
    try {
      if (torn > 0) appendFileSync(machine.path('events-one.jsonl'), '{'.repeat(torn));
    } catch (thrown) {
      // The folder could not be made so far.
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
    this.#life = this.#start();
  }

  /** Somebody renames the file as the service would. (A line that could not be cut off would stay torn in it.) */
  async #move(): Promise<void> {
    const { machine } = this;
    if (!this.#isGood()) return;
    const there = (path: string) => readdirSync(machine.directory).includes('events') && machine.names().includes(path);
    if (!there('events-one.jsonl')) return;
    const highest = machine
      .names()
      .filter((name) => /\d{6}/.test(name))
      .at(-1);
    const number = Number(/\d{6}/.exec(highest ?? '000000')?.[0]) + 1;
    renameSync(machine.path('events-one.jsonl'), machine.path(`events-one.${String(number).padStart(6, '0')}.jsonl`));
    await machine.timers.advance(1000);
  }
}

const numberOf = (id: string) => Number(id.slice('event-'.length));

describe('demand 32: the event file, whatever fails when', () => {
  it('accounts for every event at all times, tears and loses no line, keeps the order, and repeats none unless what is torn cannot be cut off', async () => {
    await fc.assert(
      fc.asyncProperty(setting, fc.array(step, { maxLength: 60 }), async (settings, all) => {
        const play = new Play(settings);
        const { machine } = play;
        try {
          for (const one of all) await play.do(one);
          machine.files.mend();
          await machine.timers.turn();
          await machine.timers.advance(5000);
          play.check();
          expect(play.life.publisher.accounts().inMemory).toBe(0);
          expect(play.life.publisher.health()).toBe('healthy');
          const ids = machine.ids();
          const present = new Set(ids);
          expect([...play.settledOnGoodDisk].filter((id) => !present.has(id))).toEqual([]);
          if (!play.mayRepeat) {
            expect(ids.map(numberOf)).toEqual(ids.map(numberOf).sort((a, b) => a - b));
            expect(ids).toHaveLength(play.delivered);
            expect(present.size).toBe(play.delivered);
          } else expect(present.size).toBeGreaterThanOrEqual(play.delivered);
          await play.life.publisher.close(1000);
          play.check();
          expect(machine.files.openFiles).toBe(0);
        } finally {
          machine.remove();
        }
      }),
      { numRuns: 300 },
    );
  });
});
