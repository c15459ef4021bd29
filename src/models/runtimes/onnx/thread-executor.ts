import type { Clock } from '../../../shared/clock.js';
import type { Deadline } from '../../../shared/deadline.js';
import { ServiceError } from '../../../shared/errors.js';
import type { TensorMap } from '../../runtime.js';
import type { RuntimeObserver, VersionName } from '../../runtime-observer.js';
import type { Executor } from './executor.js';
import { closedError, failedRunError } from './inline-executor.js';
import type { SessionSource } from './session.js';
import { startThread, type ModelThread, type StartThread } from './start-thread.js';
import { ThreadCall } from './thread-call.js';
import type { ThreadReply } from './thread-messages.js';

/** Calls that may wait for the thread; further ones are refused. Each may hold a whole batch. */
const maxWaiting = 64;
/** A thread that crashes so often without one good run between is not started again. */
const maxCrashes = 5;
const backoffMs = { first: 100, most: 5000 } as const;

export interface ThreadExecutorOptions {
  readonly name: VersionName;
  readonly source: SessionSource;
  readonly clock: Clock;
  readonly observer: RuntimeObserver;
  readonly start?: StartThread;
  /** Calls back after so many milliseconds. */
  readonly delay?: (milliseconds: number, callback: () => void) => void;
}

/** What the thread is doing. `stopped` is for good. */
type State =
  | { readonly is: 'loading' | 'idle'; readonly thread: ModelThread }
  | { readonly is: 'running'; readonly thread: ModelThread; readonly call: ThreadCall }
  | { readonly is: 'crashed' | 'stopped' };

/**
 * Runs in a worker thread, one run at a time. The thread is never terminated: doing that during a run ends the whole process.
 * It ends by itself after its last run; after a crash it is started again, a bounded number of times.
 */
export class ThreadExecutor implements Executor {
  readonly kind = 'worker';
  readonly #options: ThreadExecutorOptions;
  readonly #waiting: ThreadCall[] = [];
  #state: State = { is: 'crashed' };
  #everLoaded = false;
  #crashes = 0;
  #restarts = 0;
  #nextId = 0;
  #closing: Promise<void> | undefined;
  #onStopped: (() => void) | undefined;
  lastRunUs: number | undefined;

  private constructor(options: ThreadExecutorOptions) {
    this.#options = options;
  }

  /** @throws Error in onnxruntime's words when the model cannot be loaded */
  static async open(options: ThreadExecutorOptions): Promise<ThreadExecutor> {
    const executor = new ThreadExecutor(options);
    await executor.#start();
    return executor;
  }

  /** Why no run is possible any more; undefined while one is, perhaps after a restart. */
  get givenUp(): string | undefined {
    return this.#state.is === 'stopped' && this.#closing === undefined
      ? `the worker thread crashed ${maxCrashes} times`
      : undefined;
  }

  async run(inputs: TensorMap, outputs: readonly string[], deadline: Deadline): Promise<TensorMap> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    deadline.check('running the model');
    const call = new ThreadCall(inputs, outputs, deadline);
    this.#waiting.push(call);
    this.#pump();
    return call.promise;
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = new Promise((resolve) => (this.#onStopped = resolve));
      this.#pump();
    }
    return this.#closing;
  }

  #refusal(): ServiceError | undefined {
    if (this.#closing !== undefined) return closedError();
    if (this.#state.is === 'crashed' || this.#state.is === 'stopped') return crashedError();
    if (this.#waiting.length >= maxWaiting && this.#stillWaiting() >= maxWaiting) {
      return new ServiceError('SERVICE_UNAVAILABLE', 'Too many predictions are waiting for this model', {
        retryAfterSeconds: 1,
      });
    }
    return undefined;
  }

  /** Forgets the calls whose callers have gone. */
  #stillWaiting(): number {
    const waiting = this.#waiting.filter((call) => !call.settled);
    this.#waiting.splice(0, this.#waiting.length, ...waiting);
    return waiting.length;
  }

  /** Starts the next call that somebody still waits for; when none is left and we are closing, lets the thread end. */
  #pump(): void {
    const state = this.#state;
    if (state.is === 'crashed' || state.is === 'stopped') {
      if (this.#closing !== undefined) this.#stopped();
      return;
    }
    if (state.is !== 'idle') return;
    const call = this.#nextCall();
    if (call !== undefined) {
      this.#state = { is: 'running', thread: state.thread, call };
      state.thread.ref();
      state.thread.postMessage({ kind: 'run', id: ++this.#nextId, inputs: call.inputs, outputs: call.outputs });
    } else if (this.#closing !== undefined) {
      state.thread.ref();
      state.thread.postMessage({ kind: 'close' });
    } else {
      state.thread.unref();
    }
  }

  #nextCall(): ThreadCall | undefined {
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      if (!call.settled) return call;
    }
    return undefined;
  }

  #start(): Promise<void> {
    const { start = startThread, source, clock, observer, name } = this.#options;
    const started = clock.monotonic();
    const thread = start(source);
    this.#state = { is: 'loading', thread };
    let reason = 'the thread ended';
    return new Promise((resolve, reject) => {
      thread.on('error', (error) => (reason = error.message));
      thread.on('exit', () => {
        reject(new Error(reason));
        this.#exited(reason);
      });
      thread.on('message', (reply) => {
        if (reply.kind === 'refused') reason = reply.message;
        else if (reply.kind !== 'loaded') this.#answered(thread, reply);
        else {
          observer.workerStarted({ ...name, restarts: this.#restarts, milliseconds: clock.monotonic() - started });
          this.#everLoaded = true;
          this.#state = { is: 'idle', thread };
          this.#pump();
          resolve();
        }
      });
    });
  }

  #answered(thread: ModelThread, reply: Extract<ThreadReply, { kind: 'outputs' | 'failed' }>): void {
    if (this.#state.is !== 'running' || reply.id !== this.#nextId) return;
    const { call } = this.#state;
    this.#state = { is: 'idle', thread };
    if (reply.kind === 'outputs') {
      this.#crashes = 0;
      this.lastRunUs = reply.microseconds;
      if (!call.settled) call.resolve(reply.outputs);
    } else if (!call.settled) {
      call.reject(failedRunError(new Error(reply.message)));
    }
    this.#pump();
  }

  #exited(reason: string): void {
    if (this.#closing !== undefined && this.#state.is === 'idle') return this.#stopped();
    const pending = this.#failPending();
    this.#crashes++;
    const retryInMs = this.#retryInMs();
    this.#state = { is: retryInMs === null ? 'stopped' : 'crashed' };
    if (this.#everLoaded) this.#options.observer.workerCrashed({ ...this.#options.name, reason, pending, retryInMs });
    if (this.#closing !== undefined) this.#stopped();
    else if (retryInMs !== null) this.#restartAfter(retryInMs);
  }

  #retryInMs(): number | null {
    if (!this.#everLoaded || this.#closing !== undefined || this.#crashes >= maxCrashes) return null;
    return Math.min(backoffMs.most, backoffMs.first * 2 ** (this.#crashes - 1));
  }

  /** The call in the thread may be what killed it; those that waited may be tried again. */
  #failPending(): number {
    const waiting = this.#waiting.splice(0).filter((call) => !call.settled);
    for (const call of waiting) call.reject(crashedError());
    if (this.#state.is !== 'running' || this.#state.call.settled) return waiting.length;
    this.#state.call.reject(failedRunError(new Error('the worker thread crashed during the run')));
    return waiting.length + 1;
  }

  #restartAfter(milliseconds: number): void {
    const { delay = unreferencedTimeout } = this.#options;
    delay(milliseconds, () => {
      if (this.#closing !== undefined) return;
      this.#restarts++;
      // A start that fails is told by `exit` as well, where the next one is planned.
      this.#start().catch(() => undefined);
    });
  }

  #stopped(): void {
    this.#state = { is: 'stopped' };
    this.#onStopped?.();
  }
}

function crashedError(): ServiceError {
  return new ServiceError('SERVICE_UNAVAILABLE', 'The thread of this model has to be started again', {
    retryAfterSeconds: 1,
  });
}

function unreferencedTimeout(milliseconds: number, callback: () => void): void {
  setTimeout(callback, milliseconds).unref();
}
