import { EventEmitter, setMaxListeners } from 'node:events';
import { callerOf } from '../../../../test/support/callers.js';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';
import { ServiceError } from '../../../shared/errors.js';
import type { ModelThread } from './start-thread.js';
import { ThreadExecutor } from './thread-executor.js';
import type { ThreadReply, ThreadRequest } from './thread-messages.js';

/** A thread that does what the test says. */
class PuppetThread extends EventEmitter implements ModelThread {
  readonly requests: ThreadRequest[] = [];
  referenced = true;

  postMessage(request: ThreadRequest): void {
    this.requests.push(request);
  }
  ref(): void {
    this.referenced = true;
  }
  unref(): void {
    this.referenced = false;
  }
  reply(reply: ThreadReply): void {
    this.emit('message', reply);
  }
  loaded(): void {
    this.reply({ kind: 'loaded' });
  }
  answer(microseconds = 5): void {
    const request = this.requests.at(-1);
    if (request?.kind === 'run') this.reply({ kind: 'outputs', id: request.id, outputs: request.inputs, microseconds });
  }
  crash(reason = 'out of memory'): void {
    this.emit('error', new Error(reason));
    this.emit('exit');
  }
}

async function puppet() {
  const clock = new ManualClock();
  const threads: PuppetThread[] = [];
  const delays: { milliseconds: number; callback: () => void }[] = [];
  const observer = {
    workerStarted: vi.fn(),
    workerCrashed: vi.fn(),
    compiledChecked: vi.fn(),
    compiledCheckFailed: vi.fn(),
    compiledDropped: vi.fn(),
  };
  const opening = ThreadExecutor.open({
    name: { modelId: 'm', version: '1' },
    source: { bytes: new Uint8Array(), folder: '' },
    clock,
    observer,
    start: () => {
      threads.push(new PuppetThread());
      return threads.at(-1) as PuppetThread;
    },
    delay: (milliseconds, callback) => delays.push({ milliseconds, callback }),
  });
  threads[0]?.loaded();
  const executor = await opening;
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    executor,
    delays,
    observer,
    clock,
    get thread(): PuppetThread {
      return threads.at(-1) as PuppetThread;
    },
    threads,
    settle,
    run: (cancel?: AbortSignal) => executor.run({}, ['y'], new Deadline(clock, 1000, callerOf(cancel))),
    async restart() {
      delays.shift()?.callback();
      threads.at(-1)?.loaded();
      await settle();
    },
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: unknown) => (error instanceof ServiceError ? error.code : String(error)),
  );

describe('ThreadExecutor', () => {
  it('sends one run at a time and keeps the process alive only meanwhile', async () => {
    const p = await puppet();
    expect(p.thread.referenced).toBe(false);
    const calls = [p.run(), p.run()];
    expect(p.thread.requests).toHaveLength(1);
    expect(p.thread.referenced).toBe(true);
    p.thread.answer(7);
    expect(p.executor.lastRunUs).toBe(7);
    expect(p.thread.requests).toHaveLength(2);
    p.thread.answer();
    await Promise.all(calls);
    expect(p.thread.referenced).toBe(false);
  });

  it('turns a failed run into INTERNAL_ERROR with the cause, and goes on', async () => {
    const p = await puppet();
    const call = p.run();
    p.thread.reply({ kind: 'failed', id: 1, message: 'bad index' });
    await expect(call).rejects.toMatchObject({ code: 'INTERNAL_ERROR', cause: { message: 'bad index' } });
    const next = p.run();
    p.thread.answer();
    expect(await codeOf(next)).toBe('answered');
  });

  it('lets callers go at their deadline, discards the late reply and skips those who no longer wait', async () => {
    const p = await puppet();
    const gone = new AbortController();
    const calls = [p.run(gone.signal), p.run(gone.signal), p.run()].map(codeOf);
    gone.abort();
    p.thread.answer();
    expect(p.thread.requests).toHaveLength(2);
    p.thread.answer();
    expect(await Promise.all(calls)).toEqual(['INFERENCE_TIMEOUT', 'INFERENCE_TIMEOUT', 'answered']);
  });

  it('refuses a call whose time is up', async () => {
    const p = await puppet();
    await expect(p.executor.run({}, ['y'], new Deadline(p.clock, 0))).rejects.toMatchObject({
      code: 'INFERENCE_TIMEOUT',
    });
  });

  it('refuses calls beyond the bound of its queue', async () => {
    const p = await puppet();
    const calls = Array.from({ length: 65 }, () => codeOf(p.run()));
    await expect(p.run()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfterSeconds: 1 });
    for (const _ of calls) p.thread.answer();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['answered']));
  });

  it('gives the places of callers who have gone to others', async () => {
    const p = await puppet();
    const gone = new AbortController();
    const first = codeOf(p.run());
    setMaxListeners(64, gone.signal);
    const left = Array.from({ length: 64 }, () => codeOf(p.run(gone.signal)));
    gone.abort();
    const last = codeOf(p.run());
    p.thread.answer();
    p.thread.answer();
    expect(await Promise.all([first, last])).toEqual(['answered', 'answered']);
    expect(new Set(await Promise.all(left))).toEqual(new Set(['INFERENCE_TIMEOUT']));
  });

  it('fails what is pending when the thread crashes, refuses meanwhile, and starts it again', async () => {
    const p = await puppet();
    const calls = [p.run(), p.run()].map(codeOf);
    p.thread.crash();
    expect(await Promise.all(calls)).toEqual(['INTERNAL_ERROR', 'SERVICE_UNAVAILABLE']);
    const name = { modelId: 'm', version: '1' };
    expect(p.observer.workerCrashed).toHaveBeenCalledWith({
      ...name,
      reason: 'out of memory',
      pending: 2,
      retryInMs: 100,
    });
    expect(await codeOf(p.run())).toBe('SERVICE_UNAVAILABLE');
    await p.restart();
    expect(p.observer.workerStarted).toHaveBeenLastCalledWith({ ...name, restarts: 1, milliseconds: 0 });
    const next = p.run();
    p.thread.answer();
    expect(await codeOf(next)).toBe('answered');
  });

  it('waits longer after each crash, and gives up after five without a good run', async () => {
    const p = await puppet();
    const waits: number[] = [];
    for (let crash = 1; crash < 5; crash++) {
      p.thread.crash();
      waits.push(p.delays[0]?.milliseconds ?? 0);
      await p.restart();
    }
    expect(waits).toEqual([100, 200, 400, 800]);
    expect(p.executor.givenUp).toBeUndefined();
    p.thread.crash();
    expect(p.observer.workerCrashed).toHaveBeenLastCalledWith(expect.objectContaining({ retryInMs: null }));
    expect(p.executor.givenUp).toBe('the worker thread crashed 5 times');
    expect(await codeOf(p.run())).toBe('SERVICE_UNAVAILABLE');
    await p.executor.close();
  });

  it('counts a start that fails as a crash, and forgets crashes after a good run', async () => {
    const p = await puppet();
    p.thread.crash();
    p.delays.shift()?.callback();
    p.thread.reply({ kind: 'refused', message: 'no memory' });
    p.thread.emit('exit');
    await p.settle();
    expect(p.observer.workerCrashed).toHaveBeenLastCalledWith(
      expect.objectContaining({ reason: 'no memory', retryInMs: 200 }),
    );
    await p.restart();
    const call = p.run();
    p.thread.answer();
    await call;
    p.thread.crash();
    expect(p.delays[0]?.milliseconds).toBe(100);
  });

  it('lets the thread end by itself after the runs in flight when it is closed', async () => {
    const p = await puppet();
    const calls = [p.run(), p.run()].map(codeOf);
    let closed = false;
    const closing = p.executor.close().then(() => (closed = true));
    expect(await codeOf(p.run())).toBe('SERVICE_UNAVAILABLE');
    p.thread.answer();
    p.thread.answer();
    expect(p.thread.requests.at(-1)).toEqual({ kind: 'close' });
    await p.settle();
    expect(closed).toBe(false);
    p.thread.emit('exit');
    await closing;
    expect(await Promise.all(calls)).toEqual(['answered', 'answered']);
    expect(p.observer.workerCrashed).not.toHaveBeenCalled();
  });

  it('closes while it waits to be started again, and then starts nothing', async () => {
    const p = await puppet();
    p.thread.crash();
    await p.executor.close();
    p.delays.shift()?.callback();
    expect(p.threads).toHaveLength(1);
  });

  it('closes when the thread crashes in its last run', async () => {
    const p = await puppet();
    const call = codeOf(p.run());
    const closing = p.executor.close();
    p.thread.crash();
    await closing;
    expect(await call).toBe('INTERNAL_ERROR');
    expect(p.delays).toHaveLength(0);
  });
});
