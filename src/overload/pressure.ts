import type { Clock } from '../shared/clock.js';

const periodMs = 100;
/** Overload that lasts this long is sustained. */
const sustainedMs = 1000;
/** Refusals per admission above which refusing costs too much of the loop's time. */
const refusalsPerAdmission = 4;

/** Tells sustained overload, in which even refusing is too much work, from a burst. */
export class Pressure {
  readonly #clock: Clock;
  #periodStart = Number.NEGATIVE_INFINITY;
  #admitted = 0;
  #refused = 0;
  /** When the run of periods with too many refusals began. */
  #highSince: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  admitted(): void {
    this.#turnPeriod();
    this.#admitted++;
  }

  refused(): void {
    this.#turnPeriod();
    this.#refused++;
  }

  get sustained(): boolean {
    this.#turnPeriod();
    return this.#highSince !== undefined && this.#periodStart - this.#highSince >= sustainedMs;
  }

  /** A period without any arrival, or only partly seen, ends the run. */
  #turnPeriod(): void {
    const now = this.#clock.monotonic();
    const passed = now - this.#periodStart;
    if (passed < periodMs) return;
    const high = this.#refused > refusalsPerAdmission * this.#admitted && passed < 2 * periodMs;
    this.#highSince = high ? (this.#highSince ?? this.#periodStart) : undefined;
    this.#periodStart = now;
    this.#admitted = this.#refused = 0;
  }
}
