/** Means and variances of the players' contributions over the samples, by Welford's method. */
export class SampleMeans {
  samples = 0;
  readonly #sample: Float64Array;
  readonly #mean: Float64Array;
  /** Sum of squared differences from the mean. */
  readonly #squares: Float64Array;

  constructor(players: number) {
    this.#sample = new Float64Array(players);
    this.#mean = new Float64Array(players);
    this.#squares = new Float64Array(players);
  }

  /** Adds to a player's contribution in the sample under way. */
  add(player: number, contribution: number): void {
    this.#sample[player]! += contribution;
  }

  endSample(): void {
    this.samples++;
    for (let at = 0; at < this.#sample.length; at++) {
      const before = this.#sample[at]! - this.#mean[at]!;
      this.#mean[at]! += before / this.samples;
      this.#squares[at]! += before * (this.#sample[at]! - this.#mean[at]!);
    }
    this.#sample.fill(0);
  }

  standardErrorOf(player: number): number {
    return this.samples < 2 ? 0 : Math.sqrt(this.#squares[player]! / (this.samples - 1) / this.samples);
  }

  /** Every standard error is at most `share` of the largest mean, after `least` samples. */
  preciseTo(share: number, least: number): boolean {
    if (this.samples < least) return false;
    const largest = this.#mean.reduce((most, mean) => Math.max(most, Math.abs(mean)), 0);
    return this.#mean.every((_, at) => this.standardErrorOf(at) <= share * largest);
  }

  /** The means, corrected so that they add up to `sum`: the least certain ones by the most. */
  addingUpTo(sum: number): Float64Array {
    const total = this.#mean.reduce((all, mean) => all + mean, 0);
    const doubt = this.#squares.reduce((all, squares) => all + squares, 0);
    const missing = sum - total;
    return this.#mean.map(
      (mean, at) => mean + missing * (doubt > 0 ? this.#squares[at]! / doubt : 1 / this.#mean.length),
    );
  }
}
