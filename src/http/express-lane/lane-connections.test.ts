import { describe, expect, it } from 'vitest';
import type { LaneConnection, Waiting } from './lane-connection.js';
import { LaneConnections, sweepMs } from './lane-connections.js';

const limits = { headers_timeout_ms: 1000, request_timeout_ms: 3000, keep_alive_timeout_ms: 5000 };

function open(some: Partial<typeof limits> = {}) {
  const done: string[] = [];
  const connections = new LaneConnections({ ...limits, ...some }, (connection) => {
    done.push('refused');
    connections.delete(connection);
  });
  const add = (waiting: Waiting, writableLength = 0) => {
    const end = (how: string) => {
      done.push(how);
      connections.delete(asLane);
    };
    const socket = { writableLength, destroy: () => end('destroyed') };
    const connection = { waiting, since: connections.sweeps, socket, handOver: () => end('handed over') };
    const asLane = connection as unknown as LaneConnection;
    connections.add(asLane);
    return connection;
  };
  /** Milliseconds until something is done about it, in sweeps. */
  const wait = (most = 10_000) => {
    const before = done.length;
    let waited = 0;
    for (; waited < most && done.length === before; waited += sweepMs) connections.sweep();
    return done.length === before ? 'for ever' : waited;
  };
  return { connections, add, wait, done };
}

describe('how long the lane waits', () => {
  it.each<[Waiting, string, number | string]>([
    ['fresh', 'refused', 1100],
    ['partial', 'handed over', 300],
    ['idle', 'destroyed', 6100],
    ['reader', 'destroyed', 6100],
    ['end', 'destroyed', 6100],
    ['reply', '', 'for ever'],
  ])('%s', (waiting, how, milliseconds) => {
    const { add, wait, done } = open();
    add(waiting);
    expect([wait(), ...done]).toEqual([milliseconds, ...(how === '' ? [] : [how])]);
  });

  it('for a first byte no longer than for a whole request', () => {
    const { add, wait } = open({ request_timeout_ms: 500 });
    add('fresh');
    expect(wait()).toBe(600);
  });

  it('counts from when the wait began', () => {
    const { connections, add, wait } = open();
    const connection = add('reply');
    for (let i = 0; i < 1000; i++) connections.sweep();
    Object.assign(connection, { waiting: 'partial', since: connections.sweeps });
    expect(wait()).toBe(300);
  });
});

describe('the drain', () => {
  it('ends idle connections, but none whose reply is on its way or whose request is', () => {
    const { connections, add, done } = open();
    const kept = [add('idle', 10), add('reply'), add('partial'), add('reader'), add('end'), add('fresh')];
    add('idle');
    connections.endIdle();
    expect([done, connections.size]).toEqual([['destroyed'], kept.length]);
  });

  it('gives a connection that was just made time for its first request', () => {
    const { connections, add, done } = open({ headers_timeout_ms: 60_000, request_timeout_ms: 60_000 });
    add('fresh');
    for (let at = 0; at < 1000; at += sweepMs) connections.sweep();
    connections.endIdle();
    expect(done).toEqual([]);
    connections.sweep();
    connections.endIdle();
    expect(done).toEqual(['destroyed']);
  });

  it('ends all that is left', () => {
    const { connections, add, done } = open();
    (['fresh', 'partial', 'reply', 'reader', 'idle', 'end'] as const).forEach((waiting) => add(waiting));
    connections.destroyAll();
    expect([done.length, connections.size]).toEqual([6, 0]);
  });
});
