/** Entry of the thread of a Kafka client: one batch at a time. Started by `start-thread.ts`, ended from outside. */
import { parentPort, workerData } from 'node:worker_threads';
import { KafkaProducer } from './producer.js';
import { problemOf, reasonOf } from './send-problem.js';
import { unpack, type KafkaThreadData, type KafkaThreadReply, type KafkaThreadRequest } from './thread-messages.js';

if (parentPort !== null) serve(parentPort, new KafkaProducer(workerData as KafkaThreadData));

function serve(port: NonNullable<typeof parentPort>, producer: KafkaProducer): void {
  const reply = (message: KafkaThreadReply) => port.postMessage(message);
  port.on('message', (request: KafkaThreadRequest) => {
    producer.send(unpack(request)).then(
      () => reply({ kind: 'sent' }),
      (thrown: unknown) => reply({ kind: 'failed', problem: problemOf(thrown), reason: reasonOf(thrown) }),
    );
  });
}
