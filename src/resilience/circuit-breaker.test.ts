import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { CircuitBreaker, isRefusal, type BreakerOptions, type BreakerState, type Permit } from './circuit-breaker.js';

const options: BreakerOptions = { failureThreshold: 0.5, recoveryMs: 60_000 };

/** Its wall clock may be set, forwards and back. */
class SettableClock extends ManualClock {
  #set = 0;
  override now(): number {
    return super.now() + this.#set;
  }
  set(milliseconds: number): void {
    this.#set += milliseconds;
  }
}

function setUp(rest: Partial<BreakerOptions> = {}) {
  const clock = new SettableClock();
  const changes: BreakerState[] = [];
  const onChange = (state: BreakerState) => void changes.push(state);
  const breaker = new CircuitBreaker({ ...options, ...rest }, { clock, onChange, random: () => 0 });
  const permit = (): Permit => {
    const answer = breaker.acquire();
    if (isRefusal(answer)) throw new Error('refused');
    return answer;
  };
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) permit().failed();
  };
  const succeed = (times: number) => {
    for (let i = 0; i < times; i++) permit().succeeded();
  };
  const refused = () => isRefusal(breaker.acquire());
  return { clock, changes, breaker, permit, fail, succeed, refused };
}

describe('CircuitBreaker', () => {
  it('opens at the threshold and not before the minimum of calls', () => {
    const { breaker, fail } = setUp();
    fail(9);
    expect(breaker.state).toBe('closed');
    fail(1);
    expect(breaker.state).toBe('open');
    const exact = setUp();
    exact.succeed(11);
    exact.fail(10);
    expect(exact.breaker.state).toBe('closed');
    exact.fail(1);
    expect(exact.breaker.state).toBe('open');
  });

  it('opens after so many failures in a row, however many calls succeeded before', () => {
    const { breaker, fail, succeed } = setUp({ failuresInRow: 5 });
    succeed(1000);
    fail(4);
    succeed(1);
    fail(4);
    expect(breaker.state).toBe('closed');
    fail(1);
    expect(breaker.state).toBe('open');
  });

  it('demand 12: refuses while open and says how long', () => {
    const { breaker, clock, fail } = setUp();
    fail(10);
    clock.advance(18_500);
    expect(breaker.acquire()).toEqual({ retryAfterMs: 41_500 });
  });

  it('forgets failures of an hour ago (cockatiel 3 does not)', () => {
    const { breaker, clock, fail } = setUp();
    fail(9);
    clock.advance(3_600_000);
    fail(9);
    expect(breaker.state).toBe('closed');
  });

  it('does not open at a single failure (opossum 9 does)', () => {
    const { breaker, fail } = setUp();
    fail(1);
    expect(breaker.state).toBe('closed');
  });

  it('while half open lets its few calls through and refuses the rest at once (cockatiel 3 lets them wait)', () => {
    const { clock, breaker, fail, permit, refused } = setUp();
    fail(10);
    clock.advance(60_000);
    const probes = [permit(), permit(), permit()];
    expect([refused(), refused()]).toEqual([true, true]);
    probes.forEach((probe) => probe.succeeded());
    expect(breaker.state).toBe('closed');
  });

  it('drops the late success of a call that began before it opened (opossum 9 closes)', () => {
    const { clock, breaker, fail, permit } = setUp();
    const early = permit();
    fail(10);
    clock.advance(60_000);
    expect(breaker.state).toBe('half_open');
    early.succeeded();
    early.succeeded();
    early.succeeded();
    expect(breaker.state).toBe('half_open');
  });

  it("a caller's own error neither closes it nor uses up a permit (opossum 9 closes)", () => {
    const { clock, breaker, fail, permit } = setUp({ halfOpenCalls: 1 });
    fail(10);
    clock.advance(60_000);
    for (let i = 0; i < 5; i++) permit().ignored();
    expect(breaker.state).toBe('half_open');
    permit().succeeded();
    expect(breaker.state).toBe('closed');
  });

  it('is not stuck half open by calls that never end (opossum 9 is)', () => {
    const { clock, breaker, fail, permit, refused } = setUp({ halfOpenCalls: 1 });
    fail(10);
    clock.advance(60_000);
    permit();
    clock.advance(10_000);
    expect(refused()).toBe(true);
    clock.advance(60_000);
    permit().succeeded();
    expect(breaker.state).toBe('closed');
  });

  it('does not count what it refused itself (opossum 9 opens by that)', () => {
    const { clock, breaker, fail, permit, succeed, refused } = setUp();
    const refusals = () => Array.from({ length: 1000 }, refused).every(Boolean);
    fail(10);
    expect(refusals()).toBe(true);
    clock.advance(60_000);
    const probes = [permit(), permit(), permit()];
    expect(refusals()).toBe(true);
    probes.forEach((probe) => probe.succeeded());
    expect(breaker.state).toBe('closed');
    succeed(5);
    fail(4);
    expect(breaker.state).toBe('closed');
  });

  it('does not move when the wall clock is set (cockatiel 3 does)', () => {
    const { clock, breaker, fail } = setUp();
    fail(9);
    clock.set(-3_600_000);
    fail(1);
    expect(breaker.state).toBe('open');
    clock.set(7_200_000);
    expect(breaker.acquire()).toEqual({ retryAfterMs: 60_000 });
  });

  it('opens for longer each time that the try fails, to five times', () => {
    const { clock, breaker, fail, permit } = setUp({ halfOpenCalls: 1 });
    fail(10);
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      const answer = breaker.acquire();
      if (!isRefusal(answer)) throw new Error('not open');
      waits.push(answer.retryAfterMs / 60_000);
      clock.advance(answer.retryAfterMs);
      permit().failed();
    }
    expect(waits).toEqual([1, 1.5, 2.25, 3.375, 5, 5, 5]);
  });

  it('tells each transition once', () => {
    const { clock, changes, breaker, fail, succeed } = setUp();
    fail(10);
    clock.advance(60_000);
    succeed(3);
    expect(breaker.state).toBe('closed');
    expect(changes).toEqual(['open', 'half_open', 'closed']);
  });

  it('ignores a permit that is settled twice', () => {
    const { breaker, permit } = setUp({ minimumCalls: 2 });
    const once = permit();
    once.failed();
    once.failed();
    expect(breaker.state).toBe('closed');
  });
});

/** The same rules again, as naively as can be: every outcome kept with its time. */
class ReferenceBreaker {
  state: BreakerState = 'closed';
  outcomes: { at: number; failed: boolean }[] = [];
  until = 0;
  attempt = 0;
  permits = 0;
  successes = 0;
  generation = 0;

  tick(now: number): void {
    if (this.state === 'open' && now >= this.until) {
      this.enter('half_open', now + 10_000);
      this.permits = 3;
      this.successes = 0;
    } else if (this.state === 'half_open' && now >= this.until) this.open(now, this.attempt);
  }

  acquire(now: number): number | undefined {
    this.tick(now);
    if (this.state === 'open' || (this.state === 'half_open' && this.permits === 0)) return undefined;
    if (this.state === 'half_open') this.permits--;
    return this.generation;
  }

  settle(now: number, generation: number, outcome: 'succeeded' | 'failed' | 'ignored'): void {
    this.tick(now);
    if (generation !== this.generation) return;
    if (this.state === 'half_open') this.settleHalfOpen(now, outcome);
    else if (outcome !== 'ignored') this.settleClosed(now, outcome === 'failed');
  }

  private settleHalfOpen(now: number, outcome: 'succeeded' | 'failed' | 'ignored'): void {
    if (outcome === 'ignored') this.permits++;
    else if (outcome === 'failed') this.open(now, this.attempt + 1);
    else if (++this.successes === 3) {
      this.enter('closed', 0);
      this.outcomes = [];
    }
  }

  private settleClosed(now: number, failed: boolean): void {
    this.outcomes.push({ at: now, failed });
    const first = (Math.floor(now / 1000) - 9) * 1000;
    const recent = this.outcomes.filter(({ at }) => at >= first);
    const failures = recent.filter((outcome) => outcome.failed).length;
    if (failed && recent.length >= 10 && failures / recent.length >= 0.5) this.open(now, 0);
  }

  private open(now: number, attempt: number): void {
    this.attempt = attempt;
    this.enter('open', now + 60_000 * Math.min(5, 1.5 ** attempt));
  }

  private enter(state: BreakerState, until: number): void {
    this.state = state;
    this.until = until;
    this.generation++;
  }
}

// Demand 11: any sequence of outcomes, clock steps and concurrency.
describe('demand 11: the breaker equals its reference', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ do: 'acquire' as const }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('succeeded' as const, 'failed' as const, 'ignored' as const),
        which: fc.nat(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.constantFrom(1, 999, 5000, 10_000, 60_000, 400_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('set the clock' as const),
        ms: fc.constantFrom(-3_600_000, -1000, 1000, 3_600_000),
      }),
    },
  );

  it('over 10,000 runs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { clock, breaker } = setUp();
        const reference = new ReferenceBreaker();
        const open: { permit: Permit; generation: number }[] = [];
        for (const each of steps) {
          const now = clock.monotonic();
          if (each.do === 'wait') clock.advance(each.ms);
          else if (each.do === 'set the clock') clock.set(each.ms);
          else if (each.do === 'acquire') {
            const answer = breaker.acquire();
            const generation = reference.acquire(now);
            expect(isRefusal(answer)).toBe(generation === undefined);
            if (!isRefusal(answer) && generation !== undefined) open.push({ permit: answer, generation });
          } else if (open.length > 0) {
            const [taken] = open.splice(each.which % open.length, 1);
            taken?.permit[each.do]();
            if (taken) reference.settle(now, taken.generation, each.do);
          }
          reference.tick(clock.monotonic());
          expect(breaker.state).toBe(reference.state);
        }
      }),
      { numRuns: 10_000 },
    );
  }, 60_000);
});
