import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import type { ModelCatalogue } from '../models/index.js';
import type { Instruments } from '../observability/metrics.js';

const resolutionMs = 20;

/** How late the event loop was at worst since the last reading, in seconds. */
export class LoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#histogram.enable();
  }

  read(): number {
    // The histogram counts the timer's own interval in; it is empty when read twice in one interval.
    const seconds = this.#histogram.count === 0 ? 0 : Math.max(0, this.#histogram.max / 1e9 - resolutionMs / 1000);
    this.#histogram.reset();
    return seconds;
  }
}

/** How the ready versions compute, and what a run of them costs. */
export function readModels({ modelInfo, modelRunCost }: Instruments, catalogue: ModelCatalogue): void {
  modelInfo.reset();
  modelRunCost.reset();
  for (const { model_id, versions } of catalogue.list()) {
    for (const { version, runtime } of versions) {
      if (runtime === undefined) continue;
      modelInfo.set({ model_id, version, runtime: runtime.runtime, executor: runtime.executor }, 1);
      const { cost_per_run_us: run, cost_per_row_us: row = 0 } = runtime;
      if (run !== undefined) modelRunCost.set({ model_id, version }, (run + row) / 1e6);
    }
  }
}
