import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import { ServiceError } from '../../shared/errors.js';
import { Batcher } from './batcher.js';

describe('Batcher, whatever comes', () => {
  it('answers every row exactly once, in order, whatever the sizes and costs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 50, max: 1500 }),
        fc.integer({ min: 0, max: 99 }),
        async (sizes, perRowUs, poison) => {
          const clock = new ManualClock();
          let next = 0;
          const calls = sizes.map((size) => Array.from({ length: size }, () => next++));
          const batcher = new Batcher<number, number>({
            name: { modelId: 'm', version: '1' },
            batchTimeUs: 1000,
            queueRows: 1000,
            offLoop: false,
            cost: { perRunUs: 10, perRowUs },
            clock,
            observer: { batchRun: vi.fn(), rowsDropped: vi.fn(), batchSplit: vi.fn() },
            run: (rows) => (rows.includes(poison) ? Promise.reject(new Error('poison')) : Promise.resolve(rows)),
          });
          const answers = await Promise.all(calls.map((rows) => batcher.submit(rows, new Deadline(clock, 1000))));
          const expected = calls.map((rows) => rows.map((row) => (row === poison ? 'INTERNAL_ERROR' : row)));
          const codes = answers.map((rows) => rows.map((row) => (row instanceof ServiceError ? row.code : row)));
          expect(codes).toEqual(expected);
          await batcher.close();
          expect(batcher.pendingRows).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });
});
