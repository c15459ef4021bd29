import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';
import type { ShapleyWork, ValuesRequest } from './shapley-work.js';
import type { ShapleyThread } from './start-shapley-thread.js';
import { ThreadValues } from './thread-values.js';

class FakeThread extends EventEmitter implements ShapleyThread {
  readonly asked: ValuesRequest[] = [];
  postMessage(request: ValuesRequest): void {
    this.asked.push(request);
  }
  answer(): void {
    for (const { id } of this.asked.splice(0))
      this.emit('message', { id, values: Float64Array.of(id), microseconds: 100 });
  }
  crash(): void {
    this.emit('error', new Error('boom'));
    this.emit('exit');
  }
  terminate(): Promise<void> {
    this.emit('exit');
    return Promise.resolve();
  }
  unref(): void {}
}

const work = {} as ShapleyWork;
const row = new Float64Array(2);
const deadline = (milliseconds = 60_000) => new Deadline(systemClock, milliseconds);

function setUp() {
  const threads: FakeThread[] = [];
  const clock = new ManualClock();
  const waits: number[] = [];
  const values = new ThreadValues({
    ...{ work, costUs: 100, clock },
    waited: (microseconds) => void waits.push(microseconds),
    start: () => (threads.push(new FakeThread()), threads.at(-1)!),
  });
  return { values, threads, clock, waits };
}

describe('values from a thread', () => {
  it('answers each call for itself', async () => {
    const { values, threads } = setUp();
    const both = [values.valuesOf(row, 0, deadline()), values.valuesOf(row, 1, deadline())];
    expect(values.costUs).toBe(300);
    threads[0]!.answer();
    expect((await Promise.all(both)).map(([value]) => value)).toEqual([0, 1]);
    expect(values.costUs).toBe(100);
    expect(threads).toHaveLength(1);
  });

  it('tells how long each stood behind others', async () => {
    const { values, threads, clock, waits } = setUp();
    const first = values.valuesOf(row, 0, deadline());
    clock.advance(0.1);
    threads[0]!.answer();
    const late = expect(values.valuesOf(row, 0, deadline(1))).rejects.toThrow('the time allowed');
    clock.advance(3);
    await late;
    threads[0]!.answer();
    await first;
    expect(waits.map(Math.round)).toEqual([0, 2900]);
  });

  it('refuses more than may wait', async () => {
    const { values, threads } = setUp();
    const waiting = Array.from({ length: 64 }, () => values.valuesOf(row, 0, deadline()));
    await expect(values.valuesOf(row, 0, deadline())).rejects.toThrow('too many explanations are waiting');
    threads[0]!.answer();
    await Promise.all(waiting);
  });

  it('lets go at the deadline; its place is free when the thread has answered', async () => {
    const { values, threads } = setUp();
    await expect(values.valuesOf(row, 0, deadline(1))).rejects.toThrow('the time allowed does not suffice');
    expect(values.costUs).toBe(200);
    threads[0]!.answer();
    expect(values.costUs).toBe(100);
  });

  it('starts a crashed thread again, five times', async () => {
    const { values, threads } = setUp();
    for (let crash = 0; crash < 5; crash++) {
      const call = values.valuesOf(row, 0, deadline());
      threads.at(-1)!.crash();
      await expect(call).rejects.toThrow('its thread crashed: boom');
    }
    await expect(values.valuesOf(row, 0, deadline())).rejects.toThrow('its thread crashed 5 times');
    expect(threads).toHaveLength(5);
  });

  it('gives up what is pending when it is closed', async () => {
    const { values } = setUp();
    const call = values.valuesOf(row, 0, deadline());
    await Promise.all([values.close(), expect(call).rejects.toThrow('its thread ended')]);
    await expect(values.valuesOf(row, 0, deadline())).rejects.toThrow('being replaced');
  });
});
