import type { Clock } from '../../../shared/clock.js';
import type { Deadline } from '../../../shared/deadline.js';
import type { ColumnValues } from '../exact/exact-explainer.js';
import { outOfTime } from '../explanation.js';
import type { ShapleyWork, ValuesReply } from './shapley-work.js';
import { startShapleyThread, type ShapleyThread, type StartShapleyThread } from './start-shapley-thread.js';

/** Rows that may wait for the thread; further ones are given up. */
const maxWaiting = 64;
/** A thread that crashes so often is not started again. */
const maxCrashes = 5;

interface Waiting {
  readonly since: number;
  readonly resolve: (values: Float64Array) => void;
  readonly reject: (error: Error) => void;
}

export interface ThreadValuesOptions {
  readonly work: ShapleyWork;
  readonly costUs: number;
  readonly clock: Clock;
  /** Told of each row that was computed: how long it had waited for those before it. */
  readonly waited: (microseconds: number) => void;
  readonly start?: StartShapleyThread;
}

/** Values that cost too much for the event loop, computed in a thread of their own; started at the first row, and again after a crash. */
export class ThreadValues implements ColumnValues {
  readonly #options: ThreadValuesOptions;
  readonly #waiting = new Map<number, Waiting>();
  #thread: ShapleyThread | undefined;
  #nextId = 0;
  #crashes = 0;
  #closed = false;

  constructor(options: ThreadValuesOptions) {
    this.#options = options;
  }

  /** What this row will cost: those before it in the thread as well. */
  get costUs(): number {
    return this.#options.costUs * (this.#waiting.size + 1);
  }

  async valuesOf(row: Float64Array, target: number, deadline: Deadline): Promise<Float64Array> {
    if (this.#closed) throw new Error('this version is being replaced');
    if (this.#crashes >= maxCrashes) throw new Error(`its thread crashed ${maxCrashes} times`);
    if (this.#waiting.size >= maxWaiting) throw new Error('too many explanations are waiting');
    const thread = (this.#thread ??= this.#start());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      // The thread goes on to its end: its place is free again only then.
      const settle = deadline.onEnd(() => reject(new Error(outOfTime)));
      this.#waiting.set(id, {
        since: this.#options.clock.monotonic(),
        resolve: (values) => (settle(), resolve(values)),
        reject: (error) => (settle(), reject(error)),
      });
      thread.postMessage({ id, row, target });
    });
  }

  /** The thread holds nothing that is worth waiting for: pending explanations are given up. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.terminate();
  }

  #start(): ShapleyThread {
    const thread = (this.#options.start ?? startShapleyThread)(this.#options.work);
    thread.unref();
    thread.on('message', (reply: ValuesReply) => this.#answered(reply));
    let reason = 'its thread ended';
    thread.on('error', (error) => (reason = `its thread crashed: ${error.message}`));
    thread.on('exit', () => this.#ended(reason));
    return thread;
  }

  /** Also for those whose deadline is over: how long they waited is true all the same. */
  #answered({ id, values, microseconds }: ValuesReply): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    const { clock, waited } = this.#options;
    waited(Math.max(0, (clock.monotonic() - waiting.since) * 1000 - microseconds));
    waiting.resolve(values);
  }

  #ended(reason: string): void {
    this.#thread = undefined;
    if (!this.#closed) this.#crashes++;
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
  }
}
