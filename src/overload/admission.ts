import type { Clock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import type { LoopProbe } from './loop-probe.js';
import { LoopQueue } from './loop-queue.js';
import type { AdmissionState, OverloadObserver, ShedReason } from './observer.js';
import { PlaceCost } from './place-cost.js';
import { QueueBound } from './queue-bound.js';

export interface AdmissionOptions {
  /** Requests in flight at most. */
  readonly maxConcurrency: number;
  /** Estimated wait in milliseconds beyond which a request is refused. */
  readonly maxQueueMs: number;
  readonly clock: Clock;
  readonly loop: LoopProbe;
  readonly observer: OverloadObserver;
}

/** While shedding, a turn of the loop ends its admissions after this share of `maxQueueMs`: a refusal waits two turns at most. */
const turnShare = 0.1;
/**
 * The loop is only late with work where those who came lately cost this share of `maxQueueMs`. Otherwise something else made it late
 * (garbage collection, a neighbour that takes the processor), and to refuse them would not make it earlier.
 */
const leastShare = 0.75;
/** So many requests may always wait, also where each costs much: a few callers with large batches are no overload. */
const leastQueue = 8;
/** So many requests of mean cost are admitted in a turn also while shedding, for the same reason. */
const leastAdmitted = 4;
/** Shedding ends when nothing had to be refused for this long. */
const calmMs = 100;
/**
 * It ends after this time too, to see whether it is needed still: callers that try again at once keep it alive by themselves. Twice as long
 * each time that it was needed.
 */
const firstPeriodMs = 5000;
const longestPeriodMs = 60_000;

/**
 * Decides, before a body is parsed, whether a prediction can be answered in time. Bursts may queue for up to `maxQueueMs`; once the loop
 * is later than that, it does a little work a turn and refuses the rest until the overload is over. Without that second rule those
 * refused would wait as long as those admitted.
 */
export class AdmissionControl {
  readonly #options: AdmissionOptions;
  readonly #loop: LoopQueue;
  readonly #places: PlaceCost;
  readonly #bound: QueueBound;
  #inFlight = 0;
  #state: AdmissionState = 'open';
  #lastRefusal = Number.NEGATIVE_INFINITY;
  #shedUntil = Number.NEGATIVE_INFINITY;
  #periodMs = firstPeriodMs;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#loop = new LoopQueue(options.clock, options.loop);
    this.#places = new PlaceCost(options.clock);
    this.#bound = new QueueBound(options.maxQueueMs, options.clock);
  }

  /** Leaves the place that was taken, to be called once the reply is sent (a second call does nothing); or the SERVICE_UNAVAILABLE. */
  enter(): (() => void) | ServiceError {
    this.#loop.arrived();
    const reason = this.#refusal();
    if (reason !== undefined) return this.#refuse(reason);
    this.#places.admitted(++this.#inFlight);
    const turn = this.#loop.admit();
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inFlight--;
      this.#loop.finish(turn);
    };
  }

  /** Something admitted waited this long for its model's turn (a batch's oldest row): measured, not estimated. */
  queueWaited(milliseconds: number): void {
    this.#places.waited(milliseconds);
  }

  /**
   * The refusal of a request of which only the headers were read, while the loop is late and has done its work of this turn, or the queues
   * behind it are long: so that what will be refused costs as little as it can. It takes no place: who is let through asks `enter` later.
   */
  refuseEarly(): ServiceError | undefined {
    const reason = this.#earlyRefusal();
    if (reason === undefined) return undefined;
    this.#loop.arrived();
    return this.#refuse(reason);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get state(): AdmissionState {
    return this.#state;
  }

  #earlyRefusal(): ShedReason | undefined {
    if (this.#state === 'shedding') {
      this.#loop.beginTurn();
      if (this.#loopIsLate()) return 'loop';
    }
    return this.#queueIsLong() ? 'queue' : undefined;
  }

  #refusal(): ShedReason | undefined {
    if (this.#inFlight >= this.#options.maxConcurrency) return 'concurrency';
    if (this.#loopIsLate()) return 'loop';
    return this.#queueIsLong() ? 'queue' : undefined;
  }

  #queueIsLong(): boolean {
    return this.#inFlight > 0 && this.#bound.exceededBy(this.#inFlight * this.#places.milliseconds);
  }

  #loopIsLate(): boolean {
    const { maxQueueMs, clock } = this.#options;
    if (this.#state === 'shedding' && this.#mayOpen(clock.monotonic())) this.#change('open');
    if (this.#state === 'open') {
      const longestMs = Math.max(maxQueueMs, leastQueue * this.#loop.costMs);
      if (this.#loop.waitMs() <= longestMs || this.#loop.crowdMs < longestMs * leastShare) return false;
      this.#change('shedding');
    }
    const budgetMs = Math.max(maxQueueMs * turnShare, leastAdmitted * this.#loop.costMs);
    return this.#loop.admittedInTurn > 0 && this.#loop.turnMs() >= budgetMs;
  }

  #refuse(reason: ShedReason): ServiceError {
    if (reason === 'loop') this.#lastRefusal = this.#options.clock.monotonic();
    this.#options.observer.shed(reason);
    return refusals[reason];
  }

  #mayOpen(now: number): boolean {
    return now - this.#lastRefusal > calmMs || now > this.#shedUntil;
  }

  #change(state: AdmissionState): void {
    this.#state = state;
    if (state === 'shedding') this.#beginShedding(this.#options.clock.monotonic());
    this.#options.observer.admissionState(state);
  }

  #beginShedding(now: number): void {
    const again = now - this.#shedUntil < firstPeriodMs;
    this.#periodMs = again ? Math.min(longestPeriodMs, this.#periodMs * 2) : firstPeriodMs;
    this.#lastRefusal = now;
    this.#shedUntil = now + this.#periodMs;
  }
}

/** Made once: to take the stack costs more than all the rest of a refusal. */
const refusals: Readonly<Record<ShedReason, ServiceError>> = {
  concurrency: refusalFor('concurrency', 'Too many predictions are in flight'),
  loop: refusalFor('loop', 'The service is busy: this prediction would have waited too long'),
  queue: refusalFor('queue', 'The models are busy: this prediction would have waited too long'),
};

function refusalFor(limit: ShedReason, message: string): ServiceError {
  return new ServiceError('SERVICE_UNAVAILABLE', message, { retryAfterSeconds: 1, details: { limit } });
}

export function createAdmission(options: AdmissionOptions): AdmissionControl {
  return new AdmissionControl(options);
}
