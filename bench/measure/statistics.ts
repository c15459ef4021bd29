export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? NaN;
  const high = sorted[Math.floor(middle)] ?? NaN;
  return { median: (low + high) / 2, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN };
}

export const median = (values: readonly number[]): number => spread(values).median;

/** Buckets as the load generator prints them: highest value of the bucket in ns, count. */
export type Histogram = readonly (readonly [number, number])[];

export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Percentiles, in µs, of several runs together: of all their requests, never an average of percentiles. */
export function mergedPercentiles(histograms: readonly Histogram[]): Percentiles {
  const buckets = histograms.flat().sort((a, b) => a[0] - b[0]);
  const count = buckets.reduce((sum, [, each]) => sum + each, 0);
  const at = (quantile: number): number => {
    let left = Math.ceil(quantile * count);
    for (const [ns, each] of buckets) {
      left -= each;
      if (left <= 0) return ns / 1000;
    }
    return 0;
  };
  return { count, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(1) };
}
