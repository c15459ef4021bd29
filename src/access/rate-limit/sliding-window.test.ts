import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestLog } from './request-log.js';
import { windowMs, type SlidingWindow } from './sliding-window.js';
import { SubWindows } from './sub-windows.js';
import { windowFor } from './window-for-limit.js';

const kinds: readonly [string, () => SlidingWindow][] = [
  ['exact log', () => new RequestLog()],
  ['sub-windows', () => new SubWindows()],
];

function take(window: SlidingWindow, now: number, limit: number, weight = 1): boolean {
  const { fits } = window.room(now, limit, weight);
  if (fits) window.record(now, weight);
  return fits;
}

/** The largest sum of admissions in any closed window of 60 s, worked out the slow way. */
function largestWindow(admitted: readonly (readonly [number, number])[]): number {
  let largest = 0;
  for (const [start] of admitted) {
    const inside = admitted.filter(([time]) => time >= start && time <= start + windowMs);
    largest = Math.max(
      largest,
      inside.reduce((sum, [, weight]) => sum + weight, 0),
    );
  }
  return largest;
}

/** Gaps that lead to the edges of windows and of seconds. */
const gaps = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom(0, 0, 0, 1, 999, 1000, 1001, 59_999, 60_000, 60_001, 30_000),
      // In eighths, so that sums of times are exact.
      fc.integer({ min: 0, max: 40_000 }).map((eighths) => eighths / 8),
    ),
    fc.integer({ min: 1, max: 4 }),
  ),
  { minLength: 1, maxLength: 150 },
);

describe.each(kinds)('demand 13: the window as %s', (_name, make) => {
  it('never lets more than the limit pass in any 60 s', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 20 }), (steps, limit) => {
        const window = make();
        const admitted: [number, number][] = [];
        let now = 0;
        for (const [gap, weight] of steps) {
          now += gap;
          if (take(window, now, limit, weight)) admitted.push([now, weight]);
        }
        expect(largestWindow(admitted)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 500 },
    );
  });

  it('never refuses a steady caller of 90 a minute under a limit of 100', () => {
    const window = make();
    for (let request = 0; request < 1000; request++) expect(take(window, request * (60_000 / 90), 100)).toBe(true);
  });

  it('has room for what it refused once the time it told is over', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 4, max: 20 }), (steps, limit) => {
        const window = make();
        let now = 0;
        for (const [gap, weight] of steps) {
          now += gap;
          const { fits, waitMs } = window.room(now, limit, weight);
          if (fits) window.record(now, weight);
          else {
            expect(waitMs).toBeGreaterThanOrEqual(0);
            expect(waitMs).toBeLessThanOrEqual(windowMs + 1000);
            expect(window.copy().room(now + waitMs + 1, limit, weight).fits).toBe(true);
          }
        }
      }),
    );
  });

  it('is not changed by a refusal', () => {
    const window = make();
    for (let request = 0; request < 10; request++) take(window, 0, 10);
    for (let request = 0; request < 100; request++) expect(take(window, 30_000, 10)).toBe(false);
    expect(window.room(62_000, 10, 10)).toMatchObject({ fits: true, remaining: 10 });
  });

  it('has no room ever for a weight above the limit', () => {
    expect(make().room(0, 10, 11)).toEqual({ fits: false, remaining: 10, waitMs: windowMs });
  });

  it('is empty once all is older than the window', () => {
    const window = make();
    expect(window.isEmptyAt(0)).toBe(true);
    window.record(0, 3);
    expect(window.isEmptyAt(60_000)).toBe(false);
    expect(window.isEmptyAt(62_000)).toBe(true);
  });
});

describe('the exact log', () => {
  it('refuses only what the limit forbids', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 20 }), (steps, limit) => {
        const window = new RequestLog();
        const admitted: [number, number][] = [];
        let now = 0;
        for (const [gap, weight] of steps) {
          now += gap;
          const inside = admitted.filter(([time]) => time >= now - windowMs);
          const used = inside.reduce((sum, [, one]) => sum + one, 0);
          const passed = take(window, now, limit, weight);
          expect(passed).toBe(used + weight <= limit);
          if (passed) admitted.push([now, weight]);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('sub-windows', () => {
  it('hold an early request against the caller for a second too long at most', () => {
    const window = new SubWindows();
    for (let request = 0; request < 2000; request++) expect(take(window, 0, 2000)).toBe(true);
    expect(take(window, 60_999, 2000)).toBe(false);
    expect(take(window, 61_000, 2000)).toBe(true);
  });

  it('let a steady caller at 98 of 100 pass', () => {
    const window = new SubWindows();
    for (let request = 0; request < 20_000; request++) expect(take(window, request * (60_000 / 4900), 5000)).toBe(true);
  });
});

describe('a limit that grows beyond what the log is for', () => {
  it('keeps what was admitted', () => {
    const log = windowFor(1000);
    log.record(0, 1000);
    const counted = windowFor(1500, log);
    expect(counted).toBeInstanceOf(SubWindows);
    expect(counted.room(10, 1500, 500).fits).toBe(true);
    expect(counted.room(10, 1500, 501).fits).toBe(false);
    expect(windowFor(10, counted)).toBe(counted);
  });
});
