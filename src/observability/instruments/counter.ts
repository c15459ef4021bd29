import type { MetricSnapshot } from '../exposition.js';
import { LabelCells, type Labels } from './label-cells.js';

/** One series of a counter. */
export class CounterCell {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

export interface InstrumentDefinition {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** A count that only grows. Why it is not prom-client's: docs/adr/0018-own-counters-and-histograms.md. */
export class Counter {
  readonly #definition: InstrumentDefinition;
  readonly #cells: LabelCells<CounterCell>;

  constructor(definition: InstrumentDefinition) {
    this.#definition = definition;
    this.#cells = new LabelCells(definition.labels, () => new CounterCell());
  }

  of(labels: Labels): CounterCell {
    return this.#cells.of(labels);
  }

  inc(labels: Labels = {}, by = 1): void {
    this.of(labels).inc(by);
  }

  /** For a total that is counted elsewhere and only read here. */
  setTotal(value: number): void {
    this.of({}).value = value;
  }

  snapshot(): MetricSnapshot {
    const { name, help } = this.#definition;
    const values = Array.from(this.#cells.entries(), ({ labels, cell }) => ({ labels, value: cell.value }));
    return { name, help, type: 'counter', aggregator: 'sum', values };
  }
}
