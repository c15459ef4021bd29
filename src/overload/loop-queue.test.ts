import { expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { LoopQueue } from './loop-queue.js';

const refusalMs = 0.1;
const requestMs = 0.2;

function setUp() {
  const clock = new ManualClock();
  let endTurn = (): void => undefined;
  const loop = {
    idleMs: () => 0,
    cpuMs: () => clock.monotonic(),
    endOfTurn: (action: () => void) => void (endTurn = action),
  };
  const queue = new LoopQueue(clock, loop);
  const turn = (admitted: number, refused: number): void => {
    for (let request = 0; request < refused; request++) {
      queue.arrived();
      clock.advance(refusalMs);
    }
    for (let request = 0; request < admitted; request++) {
      queue.arrived();
      const place = queue.admit();
      clock.advance(requestMs);
      queue.finish(place);
    }
    endTurn();
  };
  return { queue, turn };
}

it('learns what a request costs from turns without rest', () => {
  const { queue, turn } = setUp();
  for (let turns = 0; turns < 300; turns++) turn(4, 0);
  expect(queue.costMs).toBeCloseTo(requestMs, 2);
});

it('does not take the refusals beside the requests for their cost, where it has seen what refusals cost', () => {
  const { queue, turn } = setUp();
  for (let turns = 0; turns < 300; turns++) {
    turn(0, 10);
    turn(4, 40);
  }
  expect(queue.costMs).toBeCloseTo(requestMs, 2);
});

it('has refusals in the cost of requests where no turn was of refusals alone', () => {
  const { queue, turn } = setUp();
  for (let turns = 0; turns < 300; turns++) turn(4, 8);
  expect(queue.costMs).toBeCloseTo(requestMs + 2 * refusalMs, 2);
});
