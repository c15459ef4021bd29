import type { RunCost } from './types.js';

/** Weight of a new run in the running means: a change of the model's speed is learned in about 50 runs. */
const weight = 0.05;
/** A run that took more than this many times what was expected counts as so much: a pause, not the model. */
const outlier = 4;
/** Rows of a run while nothing is known of its cost. */
const firstRows = 16;

/**
 * Fits perRunUs + rows × perRowUs to the runs seen: least squares over exponentially weighted means. While the sizes of the runs do
 * not vary, the cost of a row stays as it was known and the fixed cost takes up the difference.
 */
export class RunCostFit {
  #cost: RunCost | undefined;
  #rows = 0;
  #time = 0;
  #rowsSquared = 0;
  #rowsTime = 0;
  #seen = false;

  constructor(cost?: RunCost) {
    this.#cost = cost;
  }

  get cost(): RunCost | undefined {
    return this.#cost;
  }

  /**
   * The most rows whose run should take no longer than `timeUs`, or than twice its fixed cost where that alone takes half of the time: smaller
   * runs would pay it more often, and, all being of one row, never show that more rows cost little more. At least 1, at most `limit`.
   */
  rowsWithin(timeUs: number, limit: number): number {
    if (this.#cost === undefined) return Math.min(firstRows, limit);
    const { perRunUs, perRowUs } = this.#cost;
    const rows = perRowUs > 0 ? Math.floor(Math.max(timeUs - perRunUs, perRunUs) / perRowUs) : limit;
    return Math.max(1, Math.min(rows, limit));
  }

  observe(rows: number, microseconds: number): void {
    const time = this.#cost === undefined ? microseconds : Math.min(microseconds, outlier * this.estimate(rows));
    const share = this.#seen ? weight : 1;
    this.#seen = true;
    this.#rows += share * (rows - this.#rows);
    this.#time += share * (time - this.#time);
    this.#rowsSquared += share * (rows * rows - this.#rowsSquared);
    this.#rowsTime += share * (rows * time - this.#rowsTime);
    this.#refit();
  }

  /** What a run over `rows` rows should take, in microseconds; at least 1. */
  estimate(rows: number): number {
    return Math.max(1, (this.#cost?.perRunUs ?? 0) + rows * (this.#cost?.perRowUs ?? 0));
  }

  #refit(): void {
    const variance = this.#rowsSquared - this.#rows * this.#rows;
    const covariance = this.#rowsTime - this.#rows * this.#time;
    const varies = variance > 0.01 * this.#rowsSquared;
    const known = this.#cost?.perRowUs ?? this.#time / this.#rows;
    const perRowUs = Math.max(0, varies ? covariance / variance : Math.min(known, this.#time / this.#rows));
    this.#cost = { perRowUs, perRunUs: Math.max(0, this.#time - perRowUs * this.#rows) };
  }
}
