import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { wireEvent } from '../../event-sink.contract.js';
import { KafkaSendError } from './kafka-client.js';
import type { KafkaThread } from './start-thread.js';
import { ThreadKafkaClient } from './thread-client.js';
import { pack, unpack, type KafkaThreadRequest } from './thread-messages.js';

const options = {
  topic: 't',
  mode: 'binary',
  compression: 'none',
  tls: { enabled: false },
} as const;

class FakeThread extends EventEmitter implements KafkaThread {
  readonly requests: KafkaThreadRequest[] = [];
  terminated = false;

  postMessage(request: KafkaThreadRequest): void {
    this.requests.push(request);
  }

  terminate(): Promise<void> {
    this.terminated = true;
    this.emit('exit');
    return Promise.resolve();
  }
}

function setUp() {
  const thread = new FakeThread();
  return { thread, client: new ThreadKafkaClient(options, () => thread) };
}

describe('ThreadKafkaClient', () => {
  it('hands a batch over, and settles as the thread answers', async () => {
    const { thread, client } = setUp();
    const first = client.send([wireEvent(1), wireEvent(2)]);
    thread.emit('message', { kind: 'sent' });
    await first;
    const second = client.send([wireEvent(3)]);
    thread.emit('message', { kind: 'failed', problem: 'too_large', reason: 'MESSAGE_TOO_LARGE' });
    await expect(second).rejects.toMatchObject({ problem: 'too_large', message: 'MESSAGE_TOO_LARGE' });
    expect(thread.requests.map((request) => unpack(request).length)).toEqual([2, 1]);
  });

  it.each([
    [
      'an error escapes its thread',
      (thread: FakeThread) => void thread.emit('error', new Error('undefined is no object')),
    ],
    ['its thread ends', (thread: FakeThread) => void thread.emit('exit')],
  ])('is broken when %s', async (_, happen) => {
    const { thread, client } = setUp();
    const sent = client.send([wireEvent(1)]);
    happen(thread);
    await expect(sent).rejects.toMatchObject({ problem: 'broken' });
    await expect(client.send([wireEvent(1)])).rejects.toBeInstanceOf(KafkaSendError);
    expect(thread.requests).toHaveLength(1);
  });

  it('closed, ends its thread, and rejects what was under way', async () => {
    const { thread, client } = setUp();
    const sent = client.send([wireEvent(1)]);
    const rejected = expect(sent).rejects.toThrow('it was closed');
    await client.close();
    await rejected;
    expect(thread.terminated).toBe(true);
  });
});

describe('a batch for the thread', () => {
  it('comes out as it went in', () => {
    const batch = [
      wireEvent(1, 'ä'.repeat(10)),
      { ...wireEvent(2), key: 'schlüssel' },
      { ...wireEvent(3), json: Buffer.alloc(0) },
    ];
    expect(unpack(pack(batch))).toEqual(batch.map(({ key, json }) => ({ key, json })));
    expect(unpack(pack([]))).toEqual([]);
  });
});
