import { Worker } from 'node:worker_threads';
import type { ShapleyWork, ValuesReply, ValuesRequest } from './shapley-work.js';

/** The part of a worker thread that we use. Tests pass their own. */
export interface ShapleyThread {
  postMessage(request: ValuesRequest): void;
  on(event: 'message', listener: (reply: ValuesReply) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  terminate(): Promise<unknown>;
  unref(): void;
}

export type StartShapleyThread = (work: ShapleyWork) => ShapleyThread;

/** From `dist` the entry is JavaScript; from source (tests, `npm run dev`) tsx compiles it, as it does for the main thread. */
export const startShapleyThread: StartShapleyThread = (workerData) => {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./shapley-thread.js', import.meta.url), { workerData });
  }
  const entry = JSON.stringify(new URL('./shapley-thread.ts', import.meta.url).href);
  return new Worker(`import('tsx/esm/api').then((tsx) => tsx.tsImport(${entry}, ${entry}))`, {
    eval: true,
    workerData,
  });
};
