import type { ReadableSpan } from '@opentelemetry/sdk-trace';

/** Hands spans to their collector. Rejects when it did not take them; bounded in time by itself. */
export type SpanExport = (spans: readonly ReadableSpan[]) => Promise<void>;

export interface SpanObserver {
  exported(spans: number): void;
  /** `queue_full`: more came than the collector takes. `failed`: it refused them or is out of reach. `closed`: no time was left. */
  dropped(reason: 'queue_full' | 'failed' | 'closed', spans: number, cause?: unknown): void;
}

export interface SpanQueueOptions {
  readonly export: SpanExport;
  readonly observer: SpanObserver;
  /** Spans that wait at most; further ones are dropped. */
  readonly capacity: number;
  /** Spans of one export at most. */
  readonly batch: number;
}

/** Spans on their way out. One export at a time; nobody waits for it, and what does not fit is dropped and counted. */
export class SpanQueue {
  readonly #options: SpanQueueOptions;
  #waiting: ReadableSpan[] = [];
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
  }

  add(spans: readonly ReadableSpan[]): void {
    const { capacity, batch, observer } = this.#options;
    if (this.#closed) return observer.dropped('closed', spans.length);
    if (this.#waiting.length + spans.length > capacity) return observer.dropped('queue_full', spans.length);
    this.#waiting.push(...spans);
    if (this.#waiting.length >= batch) this.flush();
  }

  /** Begins to send what waits, unless that is going on. */
  flush(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    this.#sending = this.#sendAll().finally(() => (this.#sending = undefined));
  }

  /** Sends what waits, for as long as `limit` is open; the rest is dropped. */
  async close(limit: Promise<unknown>): Promise<void> {
    this.#closed = true;
    this.flush();
    await Promise.race([this.#sending, limit]);
    const left = this.#waiting.splice(0).length;
    if (left > 0) this.#options.observer.dropped('closed', left);
  }

  async #sendAll(): Promise<void> {
    const { batch, observer } = this.#options;
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.splice(0, batch);
      try {
        await this.#options.export(spans);
        observer.exported(spans.length);
      } catch (cause) {
        observer.dropped('failed', spans.length, cause);
      }
    }
  }
}
