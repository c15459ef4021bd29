import { messageOf } from '../shared/errors.js';

/** Something that is started and stopped with the program. */
export interface Part {
  readonly name: string;
  start?(): Promise<void> | void;
  stop?(): Promise<void> | void;
}

export interface LifecycleObserver {
  /** A part did not stop within its time, or failed to. The others are stopped all the same. */
  stopFailed(part: string, reason: string): void;
}

/**
 * Starts parts in the order given and stops them in reverse: what feeds a part is stopped before it. A part that fails to
 * start stops those before it. `stop` never rejects and may be called more than once.
 */
export class Lifecycle {
  readonly #parts: readonly Part[];
  readonly #observer: LifecycleObserver;
  readonly #started: Part[] = [];
  #stopping: Promise<void> | undefined;

  constructor(parts: readonly Part[], observer: LifecycleObserver) {
    this.#parts = parts;
    this.#observer = observer;
  }

  /** @throws what a part threw, once the parts before it are stopped. */
  async start(): Promise<void> {
    for (const part of this.#parts) {
      try {
        await part.start?.();
        this.#started.push(part);
      } catch (error) {
        await this.stop(5000);
        throw error;
      }
    }
  }

  /** `limitMs` bounds each part's own stop. */
  stop(limitMs: number): Promise<void> {
    this.#stopping ??= this.#stopAll(limitMs);
    return this.#stopping;
  }

  async #stopAll(limitMs: number): Promise<void> {
    for (const part of this.#started.reverse()) {
      try {
        await within(Promise.resolve(part.stop?.()), limitMs);
      } catch (error) {
        this.#observer.stopFailed(part.name, messageOf(error));
      }
    }
  }
}

async function within(work: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
