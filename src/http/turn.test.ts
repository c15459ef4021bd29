import { describe, expect, it } from 'vitest';
import { Turn } from './turn.js';

function manualTurn() {
  const ends: (() => void)[] = [];
  return { turn: new Turn({ endOfTurn: (action) => void ends.push(action) }), ends };
}

async function after(group: Promise<void>): Promise<boolean> {
  return Promise.race([group.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
}

describe('a turn of the event loop', () => {
  it('is one wait for all who ask in it, and the next is another', async () => {
    const { turn, ends } = manualTurn();
    const [first, second] = [turn.read(), turn.read()];
    expect(second).toBe(first);
    expect(ends).toHaveLength(1);
    expect(await after(first)).toBe(false);
    ends[0]?.();
    expect(await after(first)).toBe(true);
    expect(turn.read()).not.toBe(first);
    expect(ends).toHaveLength(2);
  });

  it('lets 64 requests go on together, and those behind them in the next group of the same turn', async () => {
    const { turn, ends } = manualTurn();
    const groups = Array.from({ length: 129 }, () => turn.read());
    expect(ends).toHaveLength(3);
    expect(new Set(groups.slice(0, 64)).size).toBe(1);
    expect(groups[64]).not.toBe(groups[63]);
    ends[0]?.();
    expect(await after(groups[0] as Promise<void>)).toBe(true);
    expect(await after(groups[64] as Promise<void>)).toBe(false);
    // The group that is still open goes on taking requests.
    expect(turn.read()).toBe(groups[128]);
    ends[1]?.();
    ends[2]?.();
    expect(await after(groups[128] as Promise<void>)).toBe(true);
  });
});
