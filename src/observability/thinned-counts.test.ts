import { describe, expect, it } from 'vitest';
import { ThinnedCounts } from './thinned-counts.js';

function setUp() {
  const told: [string, number][] = [];
  let waiting: (() => void)[] = [];
  const counts = new ThinnedCounts<string>(
    (key, count) => told.push([key, count]),
    (_, action) => waiting.push(action),
  );
  const endPeriods = () => {
    const due = waiting;
    waiting = [];
    for (const action of due) action();
  };
  return { counts, told, endPeriods, periods: () => waiting.length };
}

describe('ThinnedCounts', () => {
  it('tells the first of each key at once and the rest together, so that it adds up', () => {
    const { counts, told, endPeriods } = setUp();
    counts.add('full', 1);
    counts.add('full', 2);
    counts.add('closed', 5);
    counts.add('full', 3);
    expect(told).toEqual([
      ['full', 1],
      ['closed', 5],
    ]);
    endPeriods();
    expect(told.slice(2)).toEqual([['full', 5]]);
  });

  it('goes on in periods while facts come, and starts anew when none came', () => {
    const { counts, told, endPeriods, periods } = setUp();
    counts.add('full', 1);
    counts.add('full', 1);
    endPeriods();
    counts.add('full', 4);
    expect(told).toHaveLength(2);
    endPeriods();
    expect(told.at(-1)).toEqual(['full', 4]);
    endPeriods();
    expect(periods()).toBe(0);
    counts.add('full', 7);
    expect(told.at(-1)).toEqual(['full', 7]);
  });
});
