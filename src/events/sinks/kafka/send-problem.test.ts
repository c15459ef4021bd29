import { MultipleErrors, NetworkError, ProtocolError } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { isTopicAbsent, problemOf, reasonOf } from './send-problem.js';

const answered = (...ids: string[]) =>
  new MultipleErrors(
    'Producing messages failed.',
    ids.map((id) => new ProtocolError(id)),
  );

describe('an error of the Kafka client', () => {
  it('is known by what the broker answered, however deep', () => {
    expect(problemOf(new MultipleErrors('outer', [answered('NOT_LEADER_OR_FOLLOWER', 'MESSAGE_TOO_LARGE')]))).toBe(
      'too_large',
    );
    expect(problemOf(answered('TOPIC_AUTHORIZATION_FAILED'))).toBe('failed');
    expect(problemOf('a text')).toBe('failed');
    expect(isTopicAbsent(answered('UNKNOWN_TOPIC_OR_PARTITION'))).toBe(true);
    expect(isTopicAbsent(new Error('other'))).toBe(false);
  });

  it('is told by its causes, each once', () => {
    const refused = () => new NetworkError('Connection to a:1 failed.', { cause: new Error('connect ECONNREFUSED') });
    expect(reasonOf(new MultipleErrors('Cannot connect to any broker.', [refused(), refused()]))).toBe(
      'connect ECONNREFUSED',
    );
    expect(reasonOf(answered('TOPIC_AUTHORIZATION_FAILED'))).toContain('TOPIC_AUTHORIZATION_FAILED: ');
    expect(reasonOf('a text')).toBe('a text');
  });
});
