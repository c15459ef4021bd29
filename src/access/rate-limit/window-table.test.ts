import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { WindowTable } from './window-table.js';

let clock: ManualClock;
let overflows: number;
beforeEach(() => {
  clock = new ManualClock();
  overflows = 0;
});

function tableOf(mostCallers: number): WindowTable {
  return new WindowTable({ clock, mostCallers, observer: { limiterOverflow: () => void overflows++ } });
}

describe('the table of windows', () => {
  it('tells what is left and until when', () => {
    const table = tableOf(10);
    expect(table.take('a', 2, 1)).toEqual({ allowed: true, remaining: 1, resetMs: 60_000 });
    clock.advance(10_000);
    expect(table.take('a', 2, 1)).toEqual({ allowed: true, remaining: 0, resetMs: 60_000 });
    clock.advance(10_000);
    expect(table.take('a', 2, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 40_000 });
    expect(table.take('b', 2, 2)).toMatchObject({ allowed: true });
  });

  it('full, lets callers without a place share one window', () => {
    const table = tableOf(2);
    for (const caller of ['a', 'b']) table.take(caller, 3, 1);
    expect(['c', 'd', 'e', 'f'].map((caller) => table.take(caller, 3, 1).allowed)).toEqual([true, true, true, false]);
    expect(overflows).toBe(4);
    expect(table.take('a', 3, 2).allowed).toBe(true);
    expect(table.callers).toBe(2);
  });

  it('never lets a caller pass twice the limit by way of the shared window', () => {
    const table = tableOf(1);
    table.take('a', 3, 1);
    clock.advance(30_000);
    expect(table.take('b', 3, 3).allowed).toBe(true);
    clock.advance(31_000);
    expect(table.take('b', 3, 1)).toMatchObject({ allowed: false, resetMs: 29_000 });
    clock.advance(29_001);
    expect(table.take('b', 3, 3).allowed).toBe(true);
    clock.advance(60_001);
    expect(table.take('b', 3, 3).allowed).toBe(true);
  });

  it('drops windows once they are empty, oldest first, and never one that is not', () => {
    const table = tableOf(3);
    for (const caller of ['a', 'b', 'c']) table.take(caller, 9, 1);
    clock.advance(40_000);
    table.take('a', 9, 1);
    clock.advance(20_001);
    table.take('d', 9, 1);
    expect(table.callers).toBe(2);
    expect(table.take('a', 9, 8).remaining).toBe(0);
  });

  it('holds an empty window at most a second longer, behind one that was used last', () => {
    const table = tableOf(2);
    table.take('a', 9, 1);
    table.take('b', 9, 1);
    clock.advance(999);
    table.take('a', 9, 1);
    clock.advance(59_002);
    table.take('c', 9, 1);
    expect(overflows).toBe(1);
    clock.advance(999);
    table.take('c', 9, 1);
    expect(overflows).toBe(1);
    expect(table.callers).toBe(1);
  });

  it('counts what was decided elsewhere', () => {
    const table = tableOf(1);
    table.record('a', 3, 2);
    table.record('b', 3, 2);
    expect(table.take('a', 3, 1)).toMatchObject({ allowed: true, remaining: 0 });
    expect(table.callers).toBe(1);
  });

  it('holds nothing once it is closed', async () => {
    const table = tableOf(3);
    table.take('a', 3, 1);
    await table.close();
    expect(table.callers).toBe(0);
  });
});
