import type { Clock } from '../shared/clock.js';
import type { LoopProbe } from './loop-probe.js';

/** A shorter wait of the loop is not taken for rest: reading the clocks takes that long. */
const restMs = 0.05;
/** Share of the past that each busy turn keeps in the mean cost. */
const memory = 0.95;
/** The processor's time is asked for at most so often: it costs more than a turn's other clocks together. */
const sampleMs = 50;
/** Requests without cost that the mean begins with, so that one slow turn (a garbage collection) is not taken for the rule. */
const priorRequests = 20;

/**
 * The event loop seen as a queue. Requests wait in the kernel while a turn of the loop runs, and then behind those that the next
 * turn reads before them; neither shows in a count of requests in flight. What can be known is how long the last turn took (a request
 * read now has waited half of it on average), how long this one has taken, and what those admitted in it will still cost. Requests
 * that outlive their turn wait for something outside, not for the loop.
 */
export class LoopQueue {
  readonly #clock: Clock;
  readonly #loop: LoopProbe;
  #turn = 0;
  #inTurn = false;
  #turnStart = 0;
  #idleAtStart = 0;
  #sample = { at: 0, idle: 0, cpu: 0 };
  /** Share of the time that was not rest in which the processor was the loop's. */
  #ours = 1;
  #lastTurnMs = 0;
  #arrivals = 0;
  #lastArrivals = 0;
  #admitted = 0;
  #unfinished = 0;
  #finished = 0;
  #busyMs = 0;
  #requests = priorRequests;
  /** Mean loop time of a refusal. */
  #refusalMs = 0;
  readonly #endTurn = (): void => {
    this.#inTurn = false;
  };

  constructor(clock: Clock, loop: LoopProbe) {
    this.#clock = clock;
    this.#loop = loop;
    this.#idleAtStart = loop.idleMs();
    this.#sample = { at: clock.monotonic(), idle: this.#idleAtStart, cpu: loop.cpuMs() };
  }

  /** To be called for each arrival, before the others. */
  arrived(): void {
    this.beginTurn();
    this.#arrivals++;
  }

  /** Does nothing in a turn that has begun. */
  beginTurn(): void {
    if (!this.#inTurn) this.#beginTurn(this.#clock.monotonic());
  }

  /** What the requests cost that arrived in this turn and in the last, if the loop did not rest between them. */
  get crowdMs(): number {
    return (this.#arrivals + this.#lastArrivals) * this.costMs;
  }

  /** Mean milliseconds that a request admitted now has waited and will wait for the loop. */
  waitMs(): number {
    return this.#lastTurnMs / 2 + this.turnMs();
  }

  /** How long this turn has taken, and will take for what was admitted in it. */
  turnMs(): number {
    return this.#clock.monotonic() - this.#turnStart + this.#unfinished * this.costMs;
  }

  get admittedInTurn(): number {
    return this.#admitted;
  }

  /** Mean loop time of a request that was admitted. Learned from turns that follow one another without rest. */
  get costMs(): number {
    return this.#busyMs / this.#requests;
  }

  /** Takes note of an admission; the answer is the turn that it belongs to. */
  admit(): number {
    this.#admitted++;
    this.#unfinished++;
    return this.#turn;
  }

  finish(turn: number): void {
    this.#finished++;
    if (turn === this.#turn) this.#unfinished--;
  }

  /** What the processor was taken away for is no cost of the requests. */
  #takeSample(now: number, idle: number): void {
    const cpu = this.#loop.cpuMs();
    const busy = now - this.#sample.at - (idle - this.#sample.idle);
    if (busy > 0) this.#ours = Math.min(1, (cpu - this.#sample.cpu) / busy);
    this.#sample = { at: now, idle, cpu };
  }

  /** A refusal's cost from turns in which nothing else was done, what was admitted from the rest. */
  #learn(busyMs: number, refused: number): void {
    if (this.#finished > 0) {
      this.#busyMs = this.#busyMs * memory + Math.max(0, busyMs - refused * this.#refusalMs);
      this.#requests = this.#requests * memory + this.#finished;
    } else if (refused > 0 && this.#admitted === 0) {
      this.#refusalMs = this.#refusalMs * memory + (busyMs / refused) * (1 - memory);
    }
  }

  #beginTurn(now: number): void {
    const idle = this.#loop.idleMs();
    const rested = idle - this.#idleAtStart > restMs;
    this.#lastTurnMs = rested ? 0 : now - this.#turnStart;
    const refused = this.#arrivals - this.#admitted;
    this.#lastArrivals = rested ? 0 : this.#arrivals;
    this.#arrivals = 0;
    if (now - this.#sample.at >= sampleMs) this.#takeSample(now, idle);
    if (!rested) this.#learn(this.#lastTurnMs * this.#ours, refused);
    this.#inTurn = true;
    this.#turn++;
    this.#turnStart = now;
    this.#idleAtStart = idle;
    this.#admitted = this.#unfinished = this.#finished = 0;
    this.#loop.endOfTurn(this.#endTurn);
  }
}
