import { describe, expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { lastingShare, lastsAfterMs, QueueBound } from './queue-bound.js';

const maxMs = 50;
const less = maxMs * lastingShare + 1;

function bound() {
  const clock = new ManualClock();
  const queue = new QueueBound(maxMs, clock);
  const refuseFor = (milliseconds: number): void => {
    for (let passed = 0; passed <= milliseconds; passed += 10, clock.advance(10)) queue.exceededBy(maxMs + 1);
  };
  return { clock, queue, refuseFor };
}

describe('the bound of the queues behind the loop', () => {
  it('lets a burst wait for all of it, and refuses what would wait longer', () => {
    const { queue, refuseFor } = bound();
    expect(queue.exceededBy(maxMs)).toBe(false);
    refuseFor(lastsAfterMs / 2);
    expect([queue.exceededBy(maxMs + 1), queue.exceededBy(maxMs)]).toEqual([true, false]);
  });

  it('is less while the overload lasts', () => {
    const { queue, refuseFor } = bound();
    refuseFor(2 * lastsAfterMs);
    expect([queue.exceededBy(less), queue.exceededBy(less - 1)]).toEqual([true, false]);
  });

  it('goes on being less by the refusals that it causes itself', () => {
    const { clock, queue, refuseFor } = bound();
    refuseFor(2 * lastsAfterMs);
    for (let times = 0; times < 100; times++, clock.advance(lastsAfterMs)) expect(queue.exceededBy(less)).toBe(true);
  });

  it('is whole again once nothing had to be refused for a while', () => {
    const { clock, queue, refuseFor } = bound();
    refuseFor(2 * lastsAfterMs);
    clock.advance(lastsAfterMs + 1);
    expect(queue.exceededBy(maxMs)).toBe(false);
    expect(queue.exceededBy(maxMs + 1)).toBe(true);
    expect(queue.exceededBy(maxMs)).toBe(false);
  });
});
