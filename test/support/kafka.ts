import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Admin } from '@platformatic/kafka';

const run = promisify(execFile);

/** A message as kcat, a client that is not ours, read it. */
export interface Consumed {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface KcatMessage {
  readonly partition: number;
  readonly offset: number;
  readonly headers?: readonly string[];
  readonly key: string;
  readonly payload: string;
}

/** All messages of a topic, in order within each partition; none when there is no such topic. */
export async function consume(port: number, topic: string): Promise<Consumed[]> {
  const args = ['-b', `127.0.0.1:${port}`, '-t', topic, '-C', '-e', '-q', '-J', '-o', 'beginning'];
  const { stdout } = await run('kcat', args, { maxBuffer: 1 << 30, timeout: 60_000 }).catch((error: unknown) => {
    if (/unknown topic/i.test(String((error as { stderr?: unknown }).stderr))) return { stdout: '' };
    throw error;
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { partition, offset, headers = [], key, payload } = JSON.parse(line) as KcatMessage;
      const pairs = headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1] ?? '']] : []));
      return { partition, offset, key, value: payload, headers: Object.fromEntries(pairs) as Record<string, string> };
    });
}

/** Makes a topic of three partitions; `maxMessageBytes` bounds a batch of messages. */
export async function createTopic(port: number, topic: string, maxMessageBytes = 1_048_588): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [{ host: '127.0.0.1', port }] });
  const configs = [{ name: 'max.message.bytes', value: String(maxMessageBytes) }];
  await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1, configs });
  await admin.close();
}

export const dataOf = (message: Consumed) => JSON.parse(message.value) as Record<string, unknown>;

/** Each event once, as a consumer sees them that drops repeats by ce_id; and how many repeats there were. */
export function withoutRepeats(messages: readonly Consumed[]): { unique: Consumed[]; repeats: number } {
  const seen = new Set<string | undefined>();
  const unique = messages.filter(({ headers }) => {
    const isNew = !seen.has(headers['ce_id']);
    seen.add(headers['ce_id']);
    return isNew;
  });
  return { unique, repeats: messages.length - unique.length };
}
