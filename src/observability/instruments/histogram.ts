import type { MetricSnapshot, Sample } from '../exposition.js';
import type { InstrumentDefinition } from './counter.js';
import { LabelCells, type Labels } from './label-cells.js';

interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** One series of a histogram. */
export class HistogramCell {
  sum = 0;
  count = 0;
  /** Observations of each bucket alone; the last one has no bound. */
  readonly counts: Float64Array;
  readonly exemplars: (Exemplar | undefined)[] = [];
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** `traceId`: the trace that the observation belongs to, shown as the exemplar of its bucket. */
  observe(value: number, traceId?: string): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && !(value <= (bounds[bucket] as number))) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
    this.count++;
    if (traceId !== undefined) this.exemplars[bucket] = { traceId, value, timestamp: Date.now() / 1000 };
  }
}

export interface HistogramDefinition extends InstrumentDefinition {
  /** Upper bounds, ascending; +Inf is added. */
  readonly buckets: readonly number[];
}

/** How values are spread over buckets. Why it is not prom-client's: docs/adr/0018-own-counters-and-histograms.md. */
export class Histogram {
  readonly #definition: HistogramDefinition;
  readonly #cells: LabelCells<HistogramCell>;

  constructor(definition: HistogramDefinition) {
    this.#definition = definition;
    this.#cells = new LabelCells(definition.labels, () => new HistogramCell(definition.buckets));
  }

  of(labels: Labels): HistogramCell {
    return this.#cells.of(labels);
  }

  observe(labels: Labels, value: number): void {
    this.of(labels).observe(value);
  }

  snapshot(): MetricSnapshot {
    const { name, help } = this.#definition;
    const values = Array.from(this.#cells.entries()).flatMap(({ labels, cell }) => this.#samples(labels, cell));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }

  #samples(labels: Labels, { counts, exemplars, sum, count }: HistogramCell): Sample[] {
    const { name, buckets } = this.#definition;
    let below = 0;
    const samples: Sample[] = [...buckets, '+Inf'].map((le, bucket) => {
      below += counts[bucket] as number;
      const exemplar = exemplarOf(exemplars[bucket]);
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below, exemplar };
    });
    samples.push(
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    );
    return samples;
  }
}

function exemplarOf(exemplar: Exemplar | undefined): Sample['exemplar'] {
  if (exemplar === undefined) return undefined;
  const { traceId, value, timestamp } = exemplar;
  return { labelSet: { trace_id: traceId }, value, timestamp };
}
