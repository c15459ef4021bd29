import { Worker } from 'node:worker_threads';
import type { ThreadData, ThreadReply, ThreadRequest } from './thread-messages.js';

/** The part of a worker thread that we use. Tests pass their own. */
export interface ModelThread {
  postMessage(request: ThreadRequest): void;
  on(event: 'message', listener: (reply: ThreadReply) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  /** Whether the thread keeps the process alive. */
  ref(): void;
  unref(): void;
}

export type StartThread = (data: ThreadData) => ModelThread;

/** From `dist` the entry is JavaScript; from source (tests, `npm run dev`) tsx compiles it, as it does for the main thread. */
export const startThread: StartThread = (workerData) => {
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./model-thread.js', import.meta.url), { workerData });
  const entry = JSON.stringify(new URL('./model-thread.ts', import.meta.url).href);
  return new Worker(`import('tsx/esm/api').then((tsx) => tsx.tsImport(${entry}, ${entry}))`, {
    eval: true,
    workerData,
  });
};
