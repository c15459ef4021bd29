import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry, type OpenMetricsContentType } from 'prom-client';
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
  // Exemplars need a registry of this kind; the text of a scrape is made by exposition.ts in either form.
  readonly registry = openMetricsRegistry();
  readonly instruments: Instruments;

  constructor() {
    const made = Object.entries(metricDefinitions).map(([key, definition]) => [key, this.#make(definition)]);
    this.instruments = Object.fromEntries(made) as Instruments;
  }

  /** Adds CPU, memory, event loop and garbage collection of the process. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
    // Gauges that are named like counters: promtool refuses them.
    for (const what of ['handles', 'requests', 'resources']) {
      this.registry.removeSingleMetric(`nodejs_active_${what}_total`);
    }
  }

  #make(definition: MetricDefinition): Counter | Gauge | Histogram {
    const { name, help, labels, type, aggregator } = definition;
    const registers = [this.registry];
    const labelNames = [...labels];
    if (type === 'counter') return new Counter({ name, help, labelNames, registers });
    if (type === 'gauge') return new Gauge({ name, help, labelNames, registers, aggregator: aggregator ?? 'sum' });
    const buckets = [...(definition.buckets ?? [])];
    return new Histogram({
      name,
      help,
      labelNames,
      registers,
      buckets,
      enableExemplars: definition.exemplars === true,
    });
  }
}

function openMetricsRegistry(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}
