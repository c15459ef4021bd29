import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { RemoteWindows } from './remote-windows.js';
import type { MessageChannel } from './window-messages.js';
import { WindowOwner } from './window-owner.js';
import { WindowTable } from './window-table.js';
import type { WindowDecision } from './windows.js';
import type { Timers } from '../../shared/timers.js';

/** Timers that are fired by hand, or by the clock that `advance` moves. */
class PuppetTimers implements Timers {
  readonly clock = new ManualClock();
  #waiting: { at: number; action: () => void }[] = [];
  #turn: (() => void)[] = [];

  every(): () => void {
    return () => undefined;
  }

  after(milliseconds: number, action: () => void): () => void {
    const timer = { at: this.clock.monotonic() + milliseconds, action };
    this.#waiting.push(timer);
    return () => {
      this.#waiting = this.#waiting.filter((one) => one !== timer);
    };
  }

  endOfTurn(action: () => void): void {
    this.#turn.push(action);
  }

  endOfCallback(action: () => void): void {
    this.#turn.push(action);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  endTurn(): void {
    for (const action of this.#turn.splice(0)) action();
  }

  advance(milliseconds: number): void {
    this.clock.advance(milliseconds);
    const due = this.#waiting.filter(({ at }) => at <= this.clock.monotonic());
    this.#waiting = this.#waiting.filter((timer) => !due.includes(timer));
    for (const { action } of due) action();
  }
}

/** Both ends of one worker's channel. What is sent waits until `deliver`. */
class PuppetChannel {
  readonly messages: { to: 'worker' | 'primary'; message: unknown }[] = [];
  readonly #listeners = {
    worker: new Set<(message: unknown) => void>(),
    primary: new Set<(message: unknown) => void>(),
  };
  broken = false;
  sent = 0;

  end(self: 'worker' | 'primary'): MessageChannel {
    const other = self === 'worker' ? 'primary' : 'worker';
    return {
      send: (message) => {
        if (this.broken) throw new Error('channel closed');
        this.sent++;
        this.messages.push({ to: other, message: structuredClone(message) });
      },
      onMessage: (listener) => {
        this.#listeners[self].add(listener);
        return () => this.#listeners[self].delete(listener);
      },
    };
  }

  deliver(): void {
    while (this.messages.length > 0) {
      const next = this.messages.shift();
      if (next !== undefined) for (const listener of this.#listeners[next.to]) listener(next.message);
    }
  }
}

let timers: PuppetTimers;
let degraded: number;
const observer = { limiterDegraded: () => void degraded++, limiterOverflow: () => undefined };
beforeEach(() => {
  timers = new PuppetTimers();
  degraded = 0;
});

function cluster(workers: number) {
  const owner = new WindowOwner(new WindowTable({ clock: timers.clock, observer }));
  return Array.from({ length: workers }, () => {
    const channel = new PuppetChannel();
    const detach = owner.attach(channel.end('primary'));
    const windows = new RemoteWindows({
      channel: channel.end('worker'),
      workers,
      clock: timers.clock,
      timers,
      observer,
    });
    return { channel, windows, detach };
  });
}

type Member = ReturnType<typeof cluster>[number];

async function ask({ windows, channel }: Member, limit: number, weight = 1): Promise<WindowDecision> {
  const decision = windows.take('a', limit, weight);
  timers.endTurn();
  channel.deliver();
  return decision;
}

describe('windows that the primary holds', () => {
  it('demand 13: over 4 workers never let more than the limit pass in any 60 s', async () => {
    const arrivals = fc.array(
      fc.tuple(fc.constantFrom(0, 0, 1, 500, 1000, 20_000, 59_999, 60_000, 60_001), fc.nat(3)),
      { minLength: 1, maxLength: 120 },
    );
    await fc.assert(
      fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 12 }), async (steps, limit) => {
        timers = new PuppetTimers();
        const workers = cluster(4);
        const admitted: number[] = [];
        for (const [gap, index] of steps) {
          timers.advance(gap);
          const worker = workers[index];
          if (worker !== undefined && (await ask(worker, limit)).allowed) admitted.push(timers.clock.monotonic());
        }
        for (const start of admitted)
          expect(admitted.filter((time) => time >= start && time <= start + 60_000).length).toBeLessThanOrEqual(limit);
        expect(degraded).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('demand 13: never refuse a steady 90 a minute over 4 workers under a limit of 100', async () => {
    const workers = cluster(4);
    for (let request = 0; request < 400; request++) {
      const worker = workers[request % 4];
      if (worker !== undefined) expect(await ask(worker, 100)).toMatchObject({ allowed: true });
      timers.advance(60_000 / 90);
    }
  });

  it('are asked once for all of one turn of the loop', async () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    const decisions = [1, 2, 3].map(async () => worker.windows.take('a', 2, 1));
    timers.endTurn();
    expect(worker.channel.sent).toBe(1);
    worker.channel.deliver();
    expect((await Promise.all(decisions)).map(({ allowed }) => allowed)).toEqual([true, true, false]);
    expect(timers.waiting).toBe(0);
  });

  it('are not asked again before the time that a refusal told', async () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    await ask(worker, 2, 2);
    timers.advance(10_000);
    expect(await ask(worker, 2, 1)).toMatchObject({ allowed: false, resetMs: 50_000 });
    const { sent } = worker.channel;
    timers.advance(20_000);
    expect(worker.windows.take('a', 2, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 30_000 });
    expect(worker.channel.sent).toBe(sent);
    timers.advance(30_001);
    expect(await ask(worker, 2, 1)).toMatchObject({ allowed: true });
  });

  it('are asked for less than was refused, and for another limit', async () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    await ask(worker, 5, 3);
    expect(await ask(worker, 5, 3)).toMatchObject({ allowed: false });
    expect(await ask(worker, 5, 2)).toMatchObject({ allowed: true });
    expect(await ask(worker, 9, 3)).toMatchObject({ allowed: true });
  });

  it('that do not answer within 20 ms leave each worker its share, less what was admitted before', async () => {
    const [worker] = cluster(4);
    if (worker === undefined) throw new Error('no worker');
    await ask(worker, 8, 1);
    const decisions = [1, 2].map(async () => worker.windows.take('a', 8, 1));
    timers.endTurn();
    timers.advance(19);
    timers.endTurn();
    expect(degraded).toBe(0);
    timers.advance(1);
    timers.endTurn();
    expect((await Promise.all(decisions)).map(({ allowed }) => allowed)).toEqual([true, false]);
    expect(degraded).toBe(2);
    worker.channel.deliver();
  });

  it('whose answer lies unread because the process was busy are waited for', async () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    const decision = worker.windows.take('a', 8, 1);
    timers.endTurn();
    timers.advance(500);
    worker.channel.deliver();
    timers.endTurn();
    expect(await decision).toMatchObject({ allowed: true, remaining: 7 });
    expect(degraded).toBe(0);
  });

  it('whose process is gone are replaced by the share at once, at least one request', async () => {
    const [worker] = cluster(4);
    if (worker === undefined) throw new Error('no worker');
    worker.channel.broken = true;
    expect(await ask(worker, 2)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await ask(worker, 2)).toMatchObject({ allowed: false });
  });

  it('owe at most 10,000 answers: further requests are decided from the share', () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    for (let question = 0; question < 10_000; question++) void worker.windows.take(`caller ${question}`, 9, 1);
    expect(worker.windows.take('b', 9, 1)).toMatchObject({ allowed: true });
    expect(degraded).toBe(1);
  });

  it('remember at most 10,000 refusals', async () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    for (let caller = 0; caller <= 10_000; caller++) {
      const decision = worker.windows.take(`caller ${caller}`, 1, 2);
      timers.endTurn();
      worker.channel.deliver();
      await decision;
    }
    expect(worker.windows.take('caller 0', 1, 2)).toBeInstanceOf(Promise);
    expect(worker.windows.take('caller 10000', 1, 2)).toMatchObject({ allowed: false });
  });

  it('closed, settle what is open', async () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    const decision = worker.windows.take('a', 8, 1);
    await worker.windows.close();
    expect(await decision).toMatchObject({ allowed: true });
    expect(timers.waiting).toBe(0);
  });

  it('live on when a worker dies between question and answer, and do not mind other messages', () => {
    const [worker] = cluster(1);
    if (worker === undefined) throw new Error('no worker');
    worker.channel.end('primary').send({ type: 'something else' });
    worker.channel.end('worker').send(null);
    void worker.windows.take('a', 8, 1);
    timers.endTurn();
    worker.channel.broken = true;
    worker.channel.deliver();
    worker.detach();
  });
});
