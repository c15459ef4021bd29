import { describe, expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { createAdmission, type AdmissionControl } from './index.js';
import type { LoopProbe } from './loop-probe.js';

/** Where a model's run happens, and with that what a request waits for. */
type Runs = 'at once' | 'at the end of the turn' | 'in a thread';

interface Load {
  readonly runs: Runs;
  /** Milliseconds of one run, and of one refusal with all that HTTP does for it. */
  readonly costMs: number;
  readonly refusalMs?: number;
  /** One after the other. */
  readonly phases: readonly { readonly requestsPerSecond: number; readonly seconds: number }[];
}

interface Outcome {
  /** Right answers within 100 ms, over what the server could do at most. */
  readonly goodput: number;
  readonly admittedP99: number;
  readonly refusedP99: number;
  readonly refused: number;
  /** When the last request was refused, in seconds from the start. */
  readonly lastRefusal: number;
  readonly mostInFlight: number;
}

/**
 * One process as a discrete simulation: sockets become readable at random times, a turn of the loop reads all that are, and each costs
 * its time. Open loop: arrivals do not wait for answers.
 */
class SimulatedServer {
  readonly #clock = new ManualClock();
  readonly #admission: AdmissionControl;
  readonly #load: Load;
  readonly #good: number[] = [];
  readonly #refusals: number[] = [];
  #idle = 0;
  #endOfTurn: (() => void)[] = [];
  #pending: { due: number; leave: () => void }[] = [];
  #threadFreeAt = 0;
  #threadRun: { due: number; leave: () => void }[] = [];
  #threadQueue: { due: number; at: number; leave: () => void }[] = [];
  #lastRefusal = 0;
  #mostInFlight = 0;

  constructor(load: Load) {
    this.#load = load;
    const cpuMs = (): number => this.#clock.monotonic() - this.#idle;
    const loop: LoopProbe = {
      idleMs: () => this.#idle,
      cpuMs,
      endOfTurn: (action) => void this.#endOfTurn.push(action),
    };
    const observer = { shed: () => undefined, admissionState: () => undefined };
    this.#admission = createAdmission({ maxConcurrency: 1024, maxQueueMs: 50, clock: this.#clock, loop, observer });
  }

  run(): Outcome {
    const seconds = this.#load.phases.reduce((sum, phase) => sum + phase.seconds, 0);
    const arrivals = arrivalTimes(this.#load.phases);
    let next = 0;
    for (;;) {
      const now = this.#clock.monotonic();
      this.#finishThreadRun(now);
      while (next < arrivals.length && (arrivals[next] ?? 0) <= now) this.#read(arrivals[next++] ?? 0);
      this.#turnEnds();
      if (!this.#rest(arrivals[next])) break;
    }
    const possible = (seconds * 1000) / this.#load.costMs;
    const offered = Math.min(arrivals.length, possible);
    return {
      goodput: this.#good.filter((latency) => latency <= 100).length / offered,
      admittedP99: percentile99(this.#good),
      refusedP99: percentile99(this.#refusals),
      refused: this.#refusals.length,
      lastRefusal: this.#lastRefusal / 1000,
      mostInFlight: this.#mostInFlight,
    };
  }

  #read(due: number): void {
    const entered = this.#admission.enter();
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#admission.inFlight);
    if (entered instanceof ServiceError) {
      this.#clock.advance(this.#load.refusalMs ?? 0.03);
      this.#lastRefusal = this.#clock.monotonic();
      this.#refusals.push(this.#lastRefusal - due);
    } else if (this.#load.runs === 'at once') {
      this.#clock.advance(this.#load.costMs);
      this.#answer(due, entered);
    } else if (this.#load.runs === 'in a thread') {
      this.#clock.advance(0.03);
      this.#threadQueue.push({ due, at: this.#clock.monotonic(), leave: entered });
    } else {
      this.#pending.push({ due, leave: entered });
    }
  }

  #turnEnds(): void {
    for (const action of this.#endOfTurn.splice(0)) action();
    for (const { due, leave } of this.#pending.splice(0)) {
      this.#clock.advance(this.#load.costMs);
      this.#answer(due, leave);
    }
  }

  #finishThreadRun(now: number): void {
    while (this.#threadFreeAt <= now) {
      for (const { due, leave } of this.#threadRun.splice(0)) {
        this.#good.push(this.#threadFreeAt - due);
        leave();
      }
      const batch = this.#threadQueue.splice(0, 4);
      const oldest = batch[0];
      if (oldest === undefined) return;
      const begins = Math.max(this.#threadFreeAt, oldest.at);
      this.#admission.queueWaited(now - oldest.at);
      this.#threadRun = batch;
      this.#threadFreeAt = begins + batch.length * this.#load.costMs;
    }
  }

  #answer(due: number, leave: () => void): void {
    this.#good.push(this.#clock.monotonic() - due);
    leave();
  }

  /** Moves to whatever comes next; false at the end. */
  #rest(arrival: number | undefined): boolean {
    const busy = this.#threadRun.length > 0 || this.#threadQueue.length > 0;
    if (arrival === undefined && !busy) return false;
    const next = Math.min(arrival ?? Number.POSITIVE_INFINITY, busy ? this.#threadFreeAt : Number.POSITIVE_INFINITY);
    const gap = next - this.#clock.monotonic();
    if (gap > 0) {
      this.#idle += gap;
      this.#clock.advance(gap);
    }
    return true;
  }
}

/** Exponential gaps, always the same ones. */
function arrivalTimes(phases: Load['phases']): number[] {
  let seed = 42;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const times: number[] = [];
  let time = 0;
  let end = 0;
  for (const { requestsPerSecond, seconds } of phases) {
    end += seconds * 1000;
    for (; time < end; time -= (Math.log(random()) * 1000) / requestsPerSecond) times.push(time);
  }
  return times;
}

function percentile99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;
}

const capacity = 1000;
const places: readonly Runs[] = ['at once', 'at the end of the turn', 'in a thread'];

function under(runs: Runs, times: number): Outcome {
  const phases = [{ requestsPerSecond: times * capacity, seconds: 30 }];
  return new SimulatedServer({ runs, costMs: 1, phases }).run();
}

describe.each(places)('demand 7: overload of a 1 ms model that runs %s', (runs) => {
  it('refuses nothing at eight tenths of the capacity', () => {
    expect(under(runs, 0.8)).toMatchObject({ refused: 0 });
  });

  it('answers at least nine tenths in time at its capacity', () => {
    expect(under(runs, 1).goodput).toBeGreaterThan(0.9);
  });

  it.each([2, 3])('keeps its goodput at %i times the capacity', (times) => {
    const { goodput, admittedP99, refusedP99, mostInFlight, refused } = under(runs, times);
    expect(goodput).toBeGreaterThan(0.9);
    expect(admittedP99).toBeLessThan(100);
    expect(refusedP99).toBeLessThan(20);
    expect(mostInFlight).toBeLessThan(100);
    expect(refused).toBeGreaterThan(9000);
  });

  it('at ten times the capacity loses no more than the refusals themselves cost', () => {
    const { goodput, admittedP99, refusedP99, mostInFlight } = under(runs, 10);
    const [refusalMs, costMs] = [0.03, 1];
    const bound = runs === 'in a thread' ? 1 : (1 - (10 * refusalMs) / costMs) / (1 - refusalMs / costMs);
    expect(goodput).toBeGreaterThan(0.8 * bound);
    expect(admittedP99).toBeLessThan(100);
    expect(refusedP99).toBeLessThan(20);
    expect(mostInFlight).toBeLessThan(100);
  });

  it('is back to normal within five seconds', () => {
    const phases = [
      { requestsPerSecond: 10 * capacity, seconds: 5 },
      { requestsPerSecond: 0.7 * capacity, seconds: 20 },
    ];
    const { lastRefusal, refused } = new SimulatedServer({ runs, costMs: 1, phases }).run();
    expect(refused).toBeGreaterThan(30_000);
    expect(lastRefusal).toBeLessThan(10);
  });
});

describe('overload', () => {
  it('of a cheap model costs what its refusals cost, and no more', () => {
    const [refusalMs, costMs] = [0.025, 0.04];
    const phases = [{ requestsPerSecond: (1.3 * 1000) / costMs, seconds: 3 }];
    const { goodput } = new SimulatedServer({ runs: 'at once', costMs, refusalMs, phases }).run();
    expect(goodput).toBeGreaterThan((0.8 * (1 - (1.3 * refusalMs) / costMs)) / (1 - refusalMs / costMs));
  });
});
