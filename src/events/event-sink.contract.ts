import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventSink, WireEvent } from './event-sink.js';

export interface EventSinkFixture {
  readonly sink: EventSink;
  /** All events that a consumer finds, in order of arrival (of one key, where the sink has partitions). */
  readonly received: () => Promise<unknown[]>;
  /** Makes the next `deliver` fail; answers what mends it. */
  readonly breakOnce: () => (() => Promise<void>) | Promise<() => Promise<void>>;
  readonly cleanUp: () => Promise<void>;
}

export function wireEvent(number: number, content: unknown = { number }): WireEvent {
  const id = `event-${number}`;
  return { id, key: 'one-key', json: Buffer.from(JSON.stringify({ id, data: content })) };
}

/** What every EventSink promises. */
export function eventSinkContract(name: string, make: () => Promise<EventSinkFixture>): void {
  describe(`${name} as an event sink`, () => {
    let fixture: EventSinkFixture;
    const idsReceived = async () => ((await fixture.received()) as { id: string }[]).map(({ id }) => id);
    beforeEach(async () => (fixture = await make()));
    afterEach(() => fixture.cleanUp());

    it('has every event of a resolved batch, unchanged', async () => {
      const text = 'quote " newline \n null \0 snowman ☃ emoji 😀 ' + 'x'.repeat(100_000);
      await fixture.sink.deliver([wireEvent(1, text), wireEvent(2)]);
      expect(await fixture.received()).toEqual([
        { id: 'event-1', data: text },
        { id: 'event-2', data: { number: 2 } },
      ]);
    });

    it('keeps the order of events within and across batches', async () => {
      for (let start = 0; start < 300; start += 100) {
        await fixture.sink.deliver(Array.from({ length: 100 }, (_, index) => wireEvent(start + index)));
      }
      expect(await idsReceived()).toEqual(Array.from({ length: 300 }, (_, index) => `event-${index}`));
    });

    it('takes an empty batch', async () => {
      await fixture.sink.deliver([]);
      expect(await fixture.received()).toEqual([]);
    });

    it('rejects a batch that it could not keep, and takes it when it is sent again', async () => {
      await fixture.sink.deliver([wireEvent(1)]);
      const mend = await fixture.breakOnce();
      await expect(fixture.sink.deliver([wireEvent(2), wireEvent(3)])).rejects.toThrow();
      await mend();
      await fixture.sink.deliver([wireEvent(2), wireEvent(3)]);
      expect([...new Set(await idsReceived())]).toEqual(['event-1', 'event-2', 'event-3']);
    });

    it('rejects after close, which may be called twice', async () => {
      await fixture.sink.close();
      await fixture.sink.close();
      await expect(fixture.sink.deliver([wireEvent(1)])).rejects.toThrow();
    });
  });
}
