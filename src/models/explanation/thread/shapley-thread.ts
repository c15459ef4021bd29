/** Entry of the worker thread that explains one version. Started by `start-shapley-thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { shapleyOf, type ShapleyWork, type ValuesReply, type ValuesRequest } from './shapley-work.js';

if (parentPort !== null) {
  const port = parentPort;
  const shapley = shapleyOf(workerData as ShapleyWork);
  port.on('message', ({ id, row, target }: ValuesRequest) => {
    const started = performance.now();
    const values = shapley.valuesOf(row, target);
    const microseconds = (performance.now() - started) * 1000;
    port.postMessage({ id, values, microseconds } satisfies ValuesReply);
  });
}
