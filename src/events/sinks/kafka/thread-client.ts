import { messageOf } from '../../../shared/errors.js';
import type { WireEvent } from '../../event-sink.js';
import type { KafkaOptions } from '../../options.js';
import { KafkaSendError, type KafkaClient } from './kafka-client.js';
import { startKafkaThread, type KafkaThread, type StartKafkaThread } from './start-thread.js';
import { pack, type KafkaThreadReply } from './thread-messages.js';

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: KafkaSendError) => void;
}

/**
 * A Kafka client in a thread of its own. So what it computes (records, compression) takes no time of the event loop, an error
 * that escapes it ends the thread and not the process, and ending the thread ends its connections whatever state they are in.
 */
export class ThreadKafkaClient implements KafkaClient {
  readonly #thread: KafkaThread;
  #pending: Pending | undefined;
  #ended: KafkaSendError | undefined;

  constructor(options: KafkaOptions, start: StartKafkaThread = startKafkaThread) {
    this.#thread = start(options);
    this.#thread.on('message', (reply) => this.#settle(reply));
    this.#thread.on('error', (error) => this.#end(messageOf(error)));
    this.#thread.on('exit', () => this.#end('its thread ended'));
  }

  send(events: readonly WireEvent[]): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const request = pack(events);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#thread.postMessage(request, [request.bytes.buffer]);
    });
  }

  async close(): Promise<void> {
    this.#end('it was closed');
    await this.#thread.terminate();
  }

  #settle(reply: KafkaThreadReply): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (reply.kind === 'sent') pending?.resolve();
    else pending?.reject(new KafkaSendError(reply.problem, reply.reason));
  }

  #end(reason: string): void {
    this.#ended ??= new KafkaSendError('broken', `The Kafka client has ended: ${reason}`);
    this.#pending?.reject(this.#ended);
    this.#pending = undefined;
  }
}
