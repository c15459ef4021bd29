import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import { ServiceError } from '../../shared/errors.js';
import { ImmediateRows } from './immediate-rows.js';
import type { RowBatcher, RunCost } from './types.js';

const name = { modelId: 'm', version: '1' };

function setUp(
  runNow: (rows: readonly number[]) => number[] | undefined,
  cost: RunCost = { perRunUs: 1, perRowUs: 1 },
) {
  const clock = new ManualClock();
  const observer = { batchRun: vi.fn(), rowsDropped: vi.fn(), batchSplit: vi.fn() };
  const submit = vi.fn((rows: readonly number[]) => Promise.resolve(rows.map(() => -1)));
  const close = vi.fn(() => Promise.resolve());
  const queue: RowBatcher<number, number> = {
    submit,
    pendingRows: 3,
    cost: undefined,
    close,
  };
  const rows = new ImmediateRows({ name, runNow, cost: () => cost, batchTimeUs: 100, queue, clock, observer });
  return { rows, submit, close, observer, clock, soon: new Deadline(clock, 1000) };
}

const doubled = (rows: readonly number[]) => rows.map((row) => row * 2);

describe('ImmediateRows', () => {
  it('computes before it returns, and tells of the run', async () => {
    const runNow = vi.fn(doubled);
    const { rows, submit, observer, soon } = setUp(runNow);
    const answers = rows.submit([1, 2], soon);
    expect(runNow).toHaveBeenCalledOnce();
    expect(await answers).toEqual([2, 4]);
    expect(observer.batchRun).toHaveBeenCalledWith({ ...name, rows: 2, microseconds: 0, waitedUs: 0, offLoop: false });
    expect(submit).not.toHaveBeenCalled();
    expect([rows.pendingRows, rows.cost]).toEqual([3, { perRunUs: 1, perRowUs: 1 }]);
  });

  it('leaves to the queue what would hold up the event loop', async () => {
    const { rows, soon } = setUp(doubled);
    expect(
      await rows.submit(
        Array.from({ length: 100 }, () => 1),
        soon,
      ),
    ).toEqual(Array.from({ length: 100 }, () => -1));
    expect(await rows.submit([], soon)).toEqual([]);
  });

  it('follows the runtime to the queue when it no longer computes at once', async () => {
    const { rows, soon } = setUp(() => undefined);
    expect(await rows.submit([1], soon)).toEqual([-1]);
  });

  it('lets the queue try rows alone when one of them fails, and fails a single row itself', async () => {
    const { rows, soon } = setUp(() => {
      throw new ServiceError('INTERNAL_ERROR', 'refused');
    });
    expect(await rows.submit([1, 2], soon)).toEqual([-1, -1]);
    await expect(rows.submit([1], soon)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  });

  it('refuses a call whose time is up, or whose caller has gone', async () => {
    const { rows, observer, clock } = setUp(doubled);
    await expect(rows.submit([1], new Deadline(clock, 0))).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    const gone = new Deadline(clock, 1000, { gone: true, cancel: AbortSignal.abort() });
    await expect(rows.submit([1, 2], gone)).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    expect(observer.rowsDropped.mock.calls).toEqual([
      [{ ...name, rows: 1, reason: 'deadline' }],
      [{ ...name, rows: 2, reason: 'cancelled' }],
    ]);
  });

  it('closes with the queue, which refuses what comes after', async () => {
    const { rows, submit, close, soon } = setUp(doubled);
    await rows.close();
    expect(close).toHaveBeenCalledOnce();
    await rows.submit([1], soon);
    expect(submit).toHaveBeenCalledOnce();
  });
});
