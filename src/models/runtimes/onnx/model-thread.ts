/** Entry of the worker thread: one session, one run at a time. Started by `start-thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../../shared/errors.js';
import { openSession, type OnnxSession } from './session.js';
import type { ThreadData, ThreadReply, ThreadRequest } from './thread-messages.js';

if (parentPort !== null) await serve(parentPort, workerData as ThreadData);

/** `process.exit` ends this thread alone, and only between runs. */
async function serve(port: NonNullable<typeof parentPort>, source: ThreadData): Promise<void> {
  const reply = (message: ThreadReply) => port.postMessage(message);
  let session: OnnxSession;
  try {
    session = await openSession(source);
  } catch (error) {
    reply({ kind: 'refused', message: messageOf(error) });
    process.exit();
  }
  port.on('message', (request: ThreadRequest) => {
    if (request.kind === 'run') void answer(session, request).then(reply);
    else void session.release().finally(() => process.exit());
  });
  reply({ kind: 'loaded' });
}

async function answer(session: OnnxSession, request: ThreadRequest & { kind: 'run' }): Promise<ThreadReply> {
  const { id } = request;
  try {
    const outputs = await session.run(request.inputs, request.outputs);
    return { kind: 'outputs', id, outputs, microseconds: session.lastRunUs ?? 0 };
  } catch (error) {
    return { kind: 'failed', id, message: messageOf(error) };
  }
}
