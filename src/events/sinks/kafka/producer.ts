import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { murmur2, ProduceAcks, Producer, type ProducerOptions } from '@platformatic/kafka';
import type { KafkaOptions } from '../../options.js';
import { parseBrokers } from './brokers.js';
import { contentOf } from './message-form.js';
import { isTopicAbsent, problemOf, reasonOf } from './send-problem.js';
import type { KeyedEvent } from './thread-messages.js';

type BufferProducer = Producer<Buffer, Buffer, Buffer, Buffer>;

/** A broker that makes a topic on first use takes a moment to. */
const topicTries = 10;
const topicPauseMs = 300;

/**
 * Sends batches by one producer after another: after a failure the producer is closed and the next one made, which asks the
 * brokers of the list in turn, learns the leaders anew and reads the certificates again.
 */
export class KafkaProducer {
  readonly #options: KafkaOptions;
  #producer: BufferProducer | undefined;
  #made = 0;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  /** @throws the client's error. */
  async send(events: readonly KeyedEvent[]): Promise<void> {
    const { topic, mode } = this.#options;
    const messages = events.map(({ key, json }) => ({ topic, key: Buffer.from(key), ...contentOf(json, mode) }));
    const isFirst = this.#producer === undefined;
    const producer = (this.#producer ??= this.#make());
    try {
      if (isFirst) await this.#findTopic(producer);
      await producer.send({ messages });
    } catch (thrown) {
      if (problemOf(thrown) === 'failed') this.#discard(producer);
      throw thrown;
    }
  }

  #make(): BufferProducer {
    const { bootstrap_servers, compression } = this.#options;
    const brokers = parseBrokers(bootstrap_servers ?? '');
    const first = this.#made++ % brokers.length;
    return new Producer({
      clientId: 'inference-service',
      bootstrapBrokers: [...brokers.slice(first), ...brokers.slice(0, first)],
      acks: ProduceAcks.ALL,
      // Measured: it breaks for good in an outage, and is no guard against repeats.
      idempotent: false,
      // The publisher tries again; nothing may go on behind its back.
      retries: 0,
      compression,
      autocreateTopics: true,
      connectTimeout: 3000,
      metadataMaxAge: 60_000,
      // The partition that Java's producer would choose, so that topics can be joined.
      partitioner: ({ key }) => Number(murmur2(key ?? '')) & 0x7fffffff,
      ...securityOf(this.#options),
    });
  }

  async #findTopic(producer: BufferProducer): Promise<void> {
    const { topic } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        await producer.metadata({ topics: [topic] });
        return;
      } catch (thrown) {
        if (!isTopicAbsent(thrown)) throw thrown;
        if (attempt === topicTries)
          throw new Error(`The topic ${topic} does not exist, and no broker makes it: ${reasonOf(thrown)}`);
        await delay(topicPauseMs);
      }
    }
  }

  #discard(producer: BufferProducer): void {
    this.#producer = undefined;
    // Not waited for: a broker that hangs does not end its side. Should it fail, the thread ends, and is made anew.
    void producer.close();
  }
}

function securityOf({ sasl, tls }: KafkaOptions): Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> {
  const file = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
  return {
    ...(sasl && { sasl: { ...sasl, mechanism: saslMechanisms[sasl.mechanism] } }),
    ...(tls.enabled && { tls: { ca: file(tls.ca_file), cert: file(tls.cert_file), key: file(tls.key_file) } }),
  };
}

const saslMechanisms = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;
