import { afterEach, describe, expect, it } from 'vitest';
import { accountsHold, idsFrom, predictionRecord, recordAll } from '../../test/support/events/publisher-fixture.js';
import type { RecordingObserver } from '../../test/support/events/publisher-fixture.js';
import type { EventPublisher } from './event-publisher.js';
import type { EventsOptions } from './options.js';

export interface ArrivedEvent {
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventPublisherFixture {
  readonly publisher: EventPublisher;
  readonly observer: RecordingObserver;
  /** Ends the turn of the loop. */
  readonly turn: () => Promise<void>;
  /** Lets the time pass that deliveries and repeated attempts take. */
  readonly wait: () => Promise<void>;
  /** What a consumer finds, in order. */
  readonly arrived: () => readonly ArrivedEvent[];
  /** Nothing can be written or sent until `mend`. */
  readonly break: () => void;
  readonly mend: () => void;
  readonly cleanUp: () => void;
}

export interface PublisherSetting {
  readonly durability: EventsOptions['durability'];
  readonly bufferSize: number;
}

/** What every EventPublisher promises. */
export function eventPublisherContract(name: string, make: (setting: PublisherSetting) => EventPublisherFixture): void {
  describe.each(['journal', 'memory'] as const)(`${name} with durability: %s, as an event publisher`, (durability) => {
    let fixture: EventPublisherFixture | undefined;
    const start = (bufferSize = 1000) => (fixture = make({ durability, bufferSize }));
    afterEach(() => fixture?.cleanUp());
    const idsOf = ({ arrived }: EventPublisherFixture) => arrived().map(({ id }) => id);

    it('brings every event unchanged', async () => {
      const { publisher, arrived, turn, wait } = start();
      const texts = ['quote " backslash \\', 'line\nbreak\r\n\u2028', 'null \0 ☃ 😀', 'x'.repeat(100_000), ''];
      for (const [index, clientId] of texts.entries()) void publisher.record(predictionRecord(index, { clientId }));
      await turn();
      await wait();
      expect(arrived().map(({ data }) => data['client_id'])).toEqual(texts);
      expect(arrived().map(({ id }) => id)).toEqual(idsFrom(0, texts.length));
    });

    it('keeps the order within and across turns, more of them than it holds in memory', async () => {
      const made = start(10);
      for (let from = 0; from < 300; from += 25) {
        recordAll(made, from, from + 25);
        await made.turn();
      }
      await made.wait();
      expect(idsOf(made)).toEqual(idsFrom(0, 300));
      expect(made.observer.drops).toEqual({});
    });

    it('answers a promise that settles by the end of the turn, or nothing where none is waited for', async () => {
      const made = start();
      const recorded = recordAll(made, 0, 5);
      await made.turn();
      expect(recorded.settled).toBe(durability === 'journal' ? 5 : 0);
    });

    it('accounts for every event at all times', async () => {
      const made = start(10);
      for (let number = 0; number < 25; number++) {
        recordAll(made, number, number + 1);
        expect(accountsHold(made.publisher)).toBe(true);
      }
      await made.turn();
      expect(made.publisher.accounts()).toMatchObject({ offered: 25, dropped: 0 });
      expect(accountsHold(made.publisher)).toBe(true);
      await made.wait();
      expect(made.publisher.accounts()).toEqual({
        ...{ offered: 25, delivered: 25, journaled: 0, dropped: 0, inMemory: 0 },
      });
    });

    it('counts what JSON cannot hold, and goes on', async () => {
      const made = start();
      const broken = predictionRecord(0, { prediction: { count: 1n } as never });
      expect(made.publisher.record(broken)).toBeUndefined();
      recordAll(made, 1, 2);
      await made.turn();
      await made.wait();
      expect([idsOf(made), made.observer.drops]).toEqual([['event-1'], { not_encodable: 1 }]);
      expect(accountsHold(made.publisher)).toBe(true);
    });

    it('holds events in memory while nothing takes them, lets no prediction wait, says so, and brings them later', async () => {
      const made = start(50);
      recordAll(made, 0, 3);
      await made.turn();
      await made.wait();
      made.break();
      const recorded = recordAll(made, 3, 20);
      await made.turn();
      await made.wait();
      expect(recorded.settled).toBe(durability === 'journal' ? 17 : 0);
      expect(made.publisher.health()).not.toBe('healthy');
      expect(made.publisher.accounts()).toMatchObject({ offered: 20, delivered: 3, dropped: 0 });
      made.mend();
      recordAll(made, 20, 22);
      await made.turn();
      await made.wait();
      expect(idsOf(made)).toEqual(idsFrom(0, 22));
      expect(made.publisher.health()).toBe('healthy');
      expect(accountsHold(made.publisher)).toBe(true);
    });

    it('drops and counts what memory does not hold, says that it is unhealthy, and recovers', async () => {
      const made = start(10);
      await made.turn();
      made.break();
      for (let from = 0; from < 100; from += 5) {
        recordAll(made, from, from + 5);
        expect(made.publisher.accounts().inMemory).toBeLessThanOrEqual(10);
        await made.turn();
      }
      await made.wait();
      recordAll(made, 100, 101);
      await made.turn();
      expect(made.publisher.accounts()).toMatchObject({ offered: 101, dropped: 91, inMemory: 10 });
      expect(made.observer.drops).toEqual({ memory_full: 91 });
      expect(made.publisher.health()).toBe('unhealthy');
      made.mend();
      await made.wait();
      expect(idsOf(made).at(-1)).toBe('event-100');
      expect(made.publisher.accounts()).toMatchObject({ delivered: 10, inMemory: 0 });
      expect(made.publisher.health()).toBe('healthy');
    });

    it('brings all that waits when it is closed, which may be asked for twice; what comes later is counted as lost', async () => {
      const made = start();
      const recorded = recordAll(made, 0, 30);
      await Promise.all([made.publisher.close(5000), made.publisher.close(5000)]);
      expect(idsOf(made)).toEqual(idsFrom(0, 30));
      expect(recorded.settled).toBe(durability === 'journal' ? 30 : 0);
      expect(made.publisher.record(predictionRecord(99))).toBeUndefined();
      await made.turn();
      await made.publisher.close(1000);
      expect(made.observer.drops).toEqual({ closed: 1 });
      expect(accountsHold(made.publisher)).toBe(true);
    });
  });
}
