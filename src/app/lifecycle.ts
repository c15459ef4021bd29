import { messageOf } from '../shared/errors.js';

export interface LifecycleObserver {
  /** A part did not stop within its time, or failed to. The others are stopped all the same. */
  stopFailed(part: string, reason: string): void;
}

const leastMs = 200;

interface RunningPart {
  readonly name: string;
  readonly stop: () => Promise<void> | void;
}

/**
 * Knows what is running. Parts are stopped in the reverse of the order in which they came: what feeds a part is stopped before
 * it. `stop` never rejects and may be called more than once.
 */
export class Lifecycle {
  readonly #observer: LifecycleObserver;
  readonly #running: RunningPart[] = [];
  #stopping: Promise<void> | undefined;

  constructor(observer: LifecycleObserver) {
    this.#observer = observer;
  }

  /** `part` runs from now on; `stop` ends it. */
  running<Part>(name: string, part: Part, stop: (part: Part) => Promise<void> | void): Part {
    this.#running.push({ name, stop: () => stop(part) });
    return part;
  }

  /** `limitMs` bounds it all: a part that takes long leaves less to those after it, but each has a moment. */
  stop(limitMs: number): Promise<void> {
    this.#stopping ??= this.#stopAll(limitMs);
    return this.#stopping;
  }

  async #stopAll(limitMs: number): Promise<void> {
    const end = performance.now() + limitMs;
    for (const { name, stop } of this.#running.reverse()) {
      try {
        await within(Promise.resolve(stop()), Math.max(leastMs, Math.round(end - performance.now())));
      } catch (error) {
        this.#observer.stopFailed(name, messageOf(error));
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
