import type { MetricSnapshot } from '../../observability/exposition.js';

type Process = readonly MetricSnapshot[];

interface OpenScrape {
  readonly processes: Process[];
  missing: number;
  readonly done: (processes: readonly Process[]) => void;
  readonly timer: NodeJS.Timeout;
}

/** Scrapes that wait for the metrics of every worker. A worker that does not answer in time is left out: a scrape must not hang. */
export class Scrapes {
  readonly #open = new Map<number, OpenScrape>();
  readonly #limitMs: number;
  #next = 1;

  constructor(limitMs = 1000) {
    this.#limitMs = limitMs;
  }

  /** Asks each of `workers` for its metrics; resolves with all that came, after `own`. */
  collect(own: Process, workers: readonly ((id: number) => void)[]): Promise<readonly Process[]> {
    if (workers.length === 0) return Promise.resolve([own]);
    const id = this.#next++;
    return new Promise((done) => {
      const timer = setTimeout(() => this.#finish(id), this.#limitMs);
      this.#open.set(id, { processes: [own], missing: workers.length, done, timer });
      for (const ask of workers) ask(id);
    });
  }

  /** A worker's answer; one that comes too late is ignored. */
  answer(id: number, metrics: Process): void {
    const scrape = this.#open.get(id);
    if (scrape === undefined) return;
    scrape.processes.push(metrics);
    if (--scrape.missing === 0) this.#finish(id);
  }

  #finish(id: number): void {
    const scrape = this.#open.get(id);
    if (scrape === undefined) return;
    this.#open.delete(id);
    clearTimeout(scrape.timer);
    scrape.done(scrape.processes);
  }
}
