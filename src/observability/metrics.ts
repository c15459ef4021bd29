import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { MetricSnapshot } from './exposition.js';
import { Counter } from './instruments/counter.js';
import { Histogram } from './instruments/histogram.js';
import { metricDefinitions, type MetricDefinition, type MetricKey } from './metric-definitions.js';

type Definitions = typeof metricDefinitions;
type InstrumentOf<D extends MetricDefinition> = D['type'] extends 'counter'
  ? Counter
  : D['type'] extends 'gauge'
    ? Gauge
    : Histogram;
export type Instruments = { readonly [K in MetricKey]: InstrumentOf<Definitions[K]> };

/** The metrics of one process. */
export class Metrics {
  readonly instruments: Instruments;
  /** Gauges, and what prom-client knows of the process. */
  readonly #registry = new Registry();
  readonly #own: (Counter | Histogram)[] = [];

  constructor() {
    const made = Object.entries(metricDefinitions).map(([key, definition]) => [key, this.#make(definition)]);
    this.instruments = Object.fromEntries(made) as Instruments;
  }

  /** Adds CPU, memory, event loop and garbage collection of the process. */
  collectProcess(): void {
    // As often as our own gauge looks: each look wakes an idle process up.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 20 });
    // Gauges that are named like counters: promtool refuses them.
    for (const what of ['handles', 'requests', 'resources']) {
      this.#registry.removeSingleMetric(`nodejs_active_${what}_total`);
    }
  }

  async snapshot(): Promise<readonly MetricSnapshot[]> {
    const gauges = (await this.#registry.getMetricsAsJSON()) as unknown as readonly MetricSnapshot[];
    return [...this.#own.map((instrument) => instrument.snapshot()), ...gauges];
  }

  #make(definition: MetricDefinition): Counter | Gauge | Histogram {
    const { name, help, labels, type, aggregator } = definition;
    if (type === 'gauge') {
      return new Gauge({
        ...{ name, help, labelNames: [...labels], registers: [this.#registry] },
        aggregator: aggregator ?? 'sum',
      });
    }
    const { buckets = [] } = definition;
    const instrument = type === 'counter' ? new Counter(definition) : new Histogram({ name, help, labels, buckets });
    this.#own.push(instrument);
    return instrument;
  }
}
