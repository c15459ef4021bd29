import { Worker } from 'node:worker_threads';
import type { KafkaThreadData, KafkaThreadReply, KafkaThreadRequest } from './thread-messages.js';

/** The part of a worker thread that we use. Tests pass their own. */
export interface KafkaThread {
  postMessage(request: KafkaThreadRequest, transfer: readonly ArrayBuffer[]): void;
  on(event: 'message', listener: (reply: KafkaThreadReply) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  terminate(): Promise<unknown>;
}

export type StartKafkaThread = (data: KafkaThreadData) => KafkaThread;

/** Far above what one batch takes: a client that leaks ends its thread, not the process. */
const resourceLimits = { maxOldGenerationSizeMb: 256 };

/** From `dist` the entry is JavaScript; from source (tests, `npm run dev`) tsx compiles it, as it does for the main thread. */
export const startKafkaThread: StartKafkaThread = (workerData) => {
  const worker = import.meta.url.endsWith('.ts')
    ? new Worker(fromSource(new URL('./kafka-thread.ts', import.meta.url)), { eval: true, workerData, resourceLimits })
    : new Worker(new URL('./kafka-thread.js', import.meta.url), { workerData, resourceLimits });
  worker.unref();
  return worker;
};

function fromSource(url: URL): string {
  const entry = JSON.stringify(url.href);
  return `import('tsx/esm/api').then((tsx) => tsx.tsImport(${entry}, ${entry}))`;
}
