import { callerOf } from '../../../test/support/callers.js';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { Deadline, timeoutError } from '../../shared/deadline.js';
import { ServiceError } from '../../shared/errors.js';
import { Batcher } from './batcher.js';
import type { BatcherOptions } from './types.js';

const name = { modelId: 'm', version: '1' };

/** A batcher without clock and event loop: the test says when rows are looked at and when a run ends. */
function puppet(options: Partial<BatcherOptions<number, number>> = {}, unknownCost = false) {
  const clock = new ManualClock();
  const flushes: (() => void)[] = [];
  const runs: {
    rows: readonly number[];
    deadline: Deadline;
    end(results?: number[]): void;
    fail(error: Error): void;
  }[] = [];
  const observer = { batchRun: vi.fn(), rowsDropped: vi.fn(), batchSplit: vi.fn() };
  const batcher = new Batcher<number, number>({
    name,
    run: (rows, deadline) =>
      new Promise((resolve, reject) => {
        runs.push({ rows, deadline, end: (results) => resolve(results ?? rows.map((row) => row * 10)), fail: reject });
      }),
    batchTimeUs: 1000,
    ...(!unknownCost && { cost: { perRunUs: 0, perRowUs: 100 } }),
    queueRows: 100,
    offLoop: false,
    clock,
    observer,
    schedule: (flush) => flushes.push(flush),
    ...options,
  });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    batcher,
    clock,
    runs,
    observer,
    deadline: (ms = 1000, cancel?: AbortSignal) => new Deadline(clock, ms, callerOf(cancel)),
    /** One turn of the event loop. */
    async turn() {
      for (const flush of flushes.splice(0)) flush();
      await settle();
    },
    async end(at: number, results?: number[]) {
      runs[at]?.end(results);
      await settle();
    },
    async fail(at: number, error: Error) {
      runs[at]?.fail(error);
      await settle();
    },
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: unknown) => (error instanceof ServiceError ? error.code : String(error)),
  );

describe('Batcher', () => {
  it('runs rows of several callers for the trace of the first', async () => {
    const p = puppet();
    const { signal: cancel } = new AbortController();
    const traced = (digit: string) => ({ gone: false, cancel, trace: { traceparent: digit } });
    const deadlines = ['1', '2'].map((digit) => new Deadline(p.clock, 1000, traced(digit)));
    const answers = deadlines.map((deadline) => p.batcher.submit([1], deadline));
    await p.turn();
    expect(p.runs[0]?.deadline.trace).toEqual({ traceparent: '1' });
    await p.end(0);
    await Promise.all(answers);
  });

  it('runs together what was queued in one turn', async () => {
    const p = puppet();
    const answers = [p.batcher.submit([1], p.deadline()), p.batcher.submit([2, 3], p.deadline())];
    expect(p.runs).toHaveLength(0);
    await p.turn();
    expect(p.runs.map((run) => run.rows)).toEqual([[1, 2, 3]]);
    await p.end(0);
    expect(await Promise.all(answers)).toEqual([[10], [20, 30]]);
    expect(p.observer.batchRun).toHaveBeenCalledWith(expect.objectContaining({ ...name, rows: 3 }));
  });

  it('keeps one run in flight and gathers what comes meanwhile', async () => {
    const p = puppet();
    const first = p.batcher.submit([1], p.deadline());
    await p.turn();
    const later = [p.batcher.submit([2], p.deadline()), p.batcher.submit([3], p.deadline())];
    await p.turn();
    expect(p.runs).toHaveLength(1);
    expect(p.batcher.pendingRows).toBe(3);
    await p.end(0);
    expect(await first).toEqual([10]);
    expect(p.runs[1]?.rows).toEqual([2, 3]);
    await p.end(1);
    expect(await Promise.all(later)).toEqual([[20], [30]]);
    expect(p.batcher.pendingRows).toBe(0);
  });

  it('caps a run by what its rows cost, and lets a large call take turns with others', async () => {
    const p = puppet({ cost: { perRunUs: 200, perRowUs: 200 } });
    const large = p.batcher.submit([1, 2, 3, 4, 5, 6], p.deadline());
    const small = p.batcher.submit([7], p.deadline());
    await p.turn();
    expect(p.runs[0]?.rows).toEqual([1, 2, 3, 4]);
    await p.end(0);
    expect(p.runs[1]?.rows).toEqual([7, 5, 6]);
    await p.end(1);
    expect(await small).toEqual([70]);
    expect(await large).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it('gives a run off the loop half the time that its oldest row has waited, where that is more', async () => {
    const rowsAfter = async (waitedMs: number, offLoop: boolean) => {
      const p = puppet({ offLoop, cost: { perRunUs: 0, perRowUs: 1000 }, lastRunUs: () => 1000 });
      void p.batcher.submit([0], p.deadline());
      await p.turn();
      for (let row = 0; row < 50; row++) void p.batcher.submit([row], p.deadline());
      p.clock.advance(waitedMs);
      await p.end(0);
      return p.runs[1]?.rows.length;
    };
    expect(await rowsAfter(4, true)).toBe(10);
    expect(await rowsAfter(40, true)).toBe(20);
    expect(await rowsAfter(40, false)).toBe(1);
  });

  it('gives the rest of a large call no longer runs, however long it takes', async () => {
    const p = puppet({ offLoop: true, cost: { perRunUs: 0, perRowUs: 1000 }, lastRunUs: () => 10_000 });
    void p.batcher.submit(Array.from({ length: 40 }, Number), p.deadline());
    await p.turn();
    for (let run = 0; run < 3; run++) {
      p.clock.advance(100);
      await p.end(run);
    }
    expect(p.runs.map(({ rows }) => rows.length)).toEqual([10, 10, 10, 10]);
  });

  it('runs single rows where the graph takes one', async () => {
    const p = puppet({ maxRows: 1 });
    const answer = p.batcher.submit([1, 2], p.deadline());
    await p.turn();
    await p.end(0);
    await p.end(1);
    expect(p.runs.map((run) => run.rows)).toEqual([[1], [2]]);
    expect(await answer).toEqual([10, 20]);
  });

  it('learns the cost of a row from the runs when nothing is known', async () => {
    const p = puppet({}, true);
    for (const size of [1, 4, 8, 2, 6]) {
      const answer = p.batcher.submit(Array<number>(size).fill(1), p.deadline());
      await p.turn();
      p.clock.advance((50 + size * 20) / 1000);
      await p.end(p.runs.length - 1);
      await answer;
    }
    expect(p.batcher.cost?.perRowUs).toBeGreaterThan(10);
    expect(p.batcher.cost?.perRowUs).toBeLessThan(60);
  });

  it('follows the runs’ own time, and not the wall, on the event loop', async () => {
    let lastRunUs = 800;
    const p = puppet({ lastRunUs: () => lastRunUs });
    for (let run = 0; run < 100; run++) {
      const answer = p.batcher.submit([1, 2], p.deadline());
      await p.turn();
      p.clock.advance(500);
      await p.end(run);
      await answer;
      lastRunUs = 800;
    }
    const { perRunUs = 0, perRowUs = 0 } = p.batcher.cost ?? {};
    expect(perRunUs + 2 * perRowUs).toBeCloseTo(800, -1);
    const still = puppet();
    const answer = still.batcher.submit([1], still.deadline());
    await still.turn();
    still.clock.advance(500);
    await still.end(0);
    await answer;
    expect(still.batcher.cost).toEqual({ perRunUs: 0, perRowUs: 100 });
  });

  it('refuses rows beyond the bound of the queue', async () => {
    const p = puppet({ queueRows: 2 });
    const answer = p.batcher.submit([1, 2], p.deadline());
    const refused = await p.batcher.submit([3], p.deadline()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfterSeconds: 1 });
    expect(p.observer.rowsDropped).toHaveBeenCalledWith({ ...name, rows: 1, reason: 'queue_full' });
    await p.turn();
    await p.end(0);
    expect(await answer).toEqual([10, 20]);
  });

  it('drops rows before the run when their time is up or their caller has gone', async () => {
    const p = puppet();
    const gone = new AbortController();
    const codes = [p.batcher.submit([1], p.deadline(5)), p.batcher.submit([2], p.deadline(1000, gone.signal))].map(
      codeOf,
    );
    const good = p.batcher.submit([3], p.deadline());
    gone.abort();
    p.clock.advance(10);
    await p.turn();
    expect(p.runs[0]?.rows).toEqual([3]);
    await p.end(0);
    expect(await good).toEqual([30]);
    expect(await Promise.all(codes)).toEqual(['INFERENCE_TIMEOUT', 'INFERENCE_TIMEOUT']);
    expect(p.observer.rowsDropped.mock.calls.map(([facts]) => facts.reason)).toEqual(['deadline', 'cancelled']);
    expect(p.batcher.pendingRows).toBe(0);
  });

  it('answers the rows of a split call that were in time', async () => {
    const p = puppet({ cost: { perRunUs: 0, perRowUs: 1000 } });
    const answer = p.batcher.submit([1, 2], p.deadline(5));
    await p.turn();
    p.clock.advance(10);
    await p.end(0);
    expect(await answer).toEqual([10, expect.objectContaining({ code: 'INFERENCE_TIMEOUT' })]);
    expect(p.runs).toHaveLength(1);
  });

  it('gives a run the latest deadline of its rows', async () => {
    const p = puppet();
    const answers = [p.batcher.submit([1], p.deadline(10)), p.batcher.submit([2], p.deadline(500))];
    await p.turn();
    expect(p.runs[0]?.deadline.remainingMs()).toBe(500);
    await p.end(0);
    await Promise.all(answers);
  });

  it('lets callers go at their deadline while a run off the loop goes on', async () => {
    const p = puppet({ offLoop: true });
    const gone = new AbortController();
    const inRun = p.batcher.submit([1], p.deadline(1000, gone.signal));
    const other = p.batcher.submit([2], p.deadline());
    await p.turn();
    const waits = new AbortController();
    const queued = codeOf(p.batcher.submit([3], p.deadline(1000, waits.signal)));
    gone.abort();
    waits.abort();
    expect(await codeOf(inRun)).toBe('INFERENCE_TIMEOUT');
    expect(await queued).toBe('INFERENCE_TIMEOUT');
    expect(p.observer.rowsDropped).toHaveBeenCalledTimes(1);
    await p.end(0);
    expect(await other).toEqual([20]);
    expect(p.runs).toHaveLength(1);
  });

  it('tries the rows of a failed run one by one, so that a poison row fails alone', async () => {
    const p = puppet();
    const answers = [p.batcher.submit([1, 2], p.deadline()), p.batcher.submit([3], p.deadline())];
    await p.turn();
    await p.fail(0, new Error('index out of bounds'));
    expect(p.observer.batchSplit).toHaveBeenCalledWith(expect.objectContaining({ rows: 3 }));
    await p.end(1);
    await p.fail(2, new Error('index out of bounds'));
    await p.end(3);
    expect(p.runs.map((run) => run.rows)).toEqual([[1, 2, 3], [1], [2], [3]]);
    expect(await Promise.all(answers)).toEqual([[10, expect.objectContaining({ code: 'INTERNAL_ERROR' })], [30]]);
  });

  it.each([timeoutError('running'), new ServiceError('SERVICE_UNAVAILABLE', 'the worker is being started')])(
    'does not repeat a run that ended with $code',
    async (error) => {
      const p = puppet();
      const codes = [p.batcher.submit([1], p.deadline()), p.batcher.submit([2], p.deadline())].map(codeOf);
      await p.turn();
      await p.fail(0, error);
      expect(await Promise.all(codes)).toEqual([error.code, error.code]);
      expect(p.runs).toHaveLength(1);
    },
  );

  it('fails the rows of a run that gave too few results', async () => {
    const p = puppet();
    const answer = p.batcher.submit([1], p.deadline());
    await p.turn();
    await p.end(0, []);
    expect(await answer).toEqual([expect.objectContaining({ code: 'INTERNAL_ERROR' })]);
  });

  it('closes after what waits has been answered, and refuses more', async () => {
    const p = puppet();
    const answer = p.batcher.submit([1], p.deadline());
    let closed = false;
    const closing = p.batcher.close().then(() => (closed = true));
    expect(await codeOf(p.batcher.submit([2], p.deadline()))).toBe('SERVICE_UNAVAILABLE');
    await p.turn();
    expect(closed).toBe(false);
    await p.end(0);
    expect(await answer).toEqual([10]);
    await closing;
    await expect(p.batcher.submit([], p.deadline())).resolves.toEqual([]);
  });

  it('uses the event loop when nothing else is given', async () => {
    const p = puppet();
    const batcher = new Batcher<number, number>({
      name,
      run: (rows) => Promise.resolve(rows),
      batchTimeUs: 1000,
      queueRows: 100,
      offLoop: false,
      clock: p.clock,
      observer: p.observer,
    });
    const answers = await Promise.all([1, 2, 3].map((row) => batcher.submit([row], p.deadline())));
    expect(answers).toEqual([[1], [2], [3]]);
  });
});
