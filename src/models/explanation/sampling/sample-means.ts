/** Means and variances of the features' contributions over the samples, by Welford's method. */
export class SampleMeans {
  samples = 0;
  readonly #sample: Float64Array;
  readonly #mean: Float64Array;
  /** Sum of squared differences from the mean. */
  readonly #squares: Float64Array;

  constructor(features: number) {
    this.#sample = new Float64Array(features);
    this.#mean = new Float64Array(features);
    this.#squares = new Float64Array(features);
  }

  /** Adds to a feature's contribution in the sample under way. */
  add(feature: number, contribution: number): void {
    this.#sample[feature]! += contribution;
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

  standardErrorOf(feature: number): number {
    return this.samples < 2 ? 0 : Math.sqrt(this.#squares[feature]! / (this.samples - 1) / this.samples);
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
