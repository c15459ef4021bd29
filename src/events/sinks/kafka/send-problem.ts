import { messageOf } from '../../../shared/errors.js';
import type { KafkaSendProblem } from './kafka-client.js';

const tooLarge = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];
const absent = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'];

/** An error of the client: what it is made of, and the protocol's name of what the broker answered. */
interface ClientError extends Error {
  readonly apiId?: string;
  readonly errors?: readonly unknown[];
}

/** The errors that have no further cause. */
function leaves(thrown: unknown): readonly unknown[] {
  if (!(thrown instanceof Error)) return [thrown];
  const { errors, cause } = thrown as ClientError;
  const under = errors ?? (cause === undefined ? [] : [cause]);
  return under.length === 0 ? [thrown] : under.filter((one) => one !== undefined).flatMap(leaves);
}

const idOf = (thrown: unknown): string => (thrown as ClientError | undefined)?.apiId ?? '';

export function problemOf(thrown: unknown): KafkaSendProblem {
  return leaves(thrown).some((leaf) => tooLarge.includes(idOf(leaf))) ? 'too_large' : 'failed';
}

/** The topic is not there, or not yet: brokers that make topics on first use say so at first. */
export function isTopicAbsent(thrown: unknown): boolean {
  return leaves(thrown).some((leaf) => absent.includes(idOf(leaf)));
}

/** All that went wrong at the bottom, each once, in the words of the system or the broker. */
export function reasonOf(thrown: unknown): string {
  const words = leaves(thrown).map((leaf) => [idOf(leaf), messageOf(leaf)].filter((one) => one !== '').join(': '));
  return [...new Set(words)].join('; ');
}
