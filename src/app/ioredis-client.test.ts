import { EventEmitter } from 'node:events';
import type { Cluster, Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import { RedisReplyError } from '../shared/redis-client.js';
import { IoRedisClient } from './ioredis-client.js';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const replyError = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

/** As much of ioredis as is used: calls are answered by `reply`. */
function make({ isCluster = false } = {}) {
  const reply = vi.fn((_command: string, ..._args: unknown[]): unknown => 'OK');
  const call =
    (command: string) =>
    (...args: unknown[]) =>
      Promise.resolve().then(() => reply(command, ...args));
  const pipelined: unknown[][] = [];
  const commands = ['mgetBuffer', 'getBuffer', 'set', 'evalsha', 'eval', 'ping', 'connect'];
  const ioredis = Object.assign(new EventEmitter(), {
    isCluster,
    status: 'wait',
    disconnect: vi.fn(),
    ...Object.fromEntries(commands.map((command) => [command, call(command)])),
    pipeline: () => ({ set: (...args: unknown[]) => pipelined.push(args), exec: call('exec') }),
  });
  const client = new IoRedisClient(ioredis as unknown as Redis | Cluster);
  const connection: (string | undefined)[] = [];
  client.onConnection((lostBy) => void connection.push(lostBy));
  const emit = async (event: string, error?: Error) => {
    if (event === 'ready') ioredis.status = 'ready';
    if (event === 'close') ioredis.status = 'close';
    ioredis.emit(event, error);
    await settle();
  };
  return { reply, ioredis, client, connection, emit, pipelined };
}

describe('IoRedisClient', () => {
  it('counts a connection once it has answered', async () => {
    const { client, connection, emit, reply } = make();
    reply.mockReturnValueOnce(new Promise(() => undefined));
    await emit('ready');
    expect(client.reachable).toBe(false);
    await emit('close');
    await emit('ready');
    expect(client.reachable).toBe(true);
    await emit('error', new Error('read ECONNRESET'));
    await emit('close');
    expect(connection).toEqual(['the connection was closed', undefined, 'read ECONNRESET']);
  });

  it('waits for the first connection no longer than it is told', async () => {
    const connected = make();
    const first = connected.client.connect(10_000);
    await connected.emit('ready');
    expect(await first).toBe(true);
    const refused = make();
    refused.reply.mockImplementation(() => Promise.reject(new Error('connect ECONNREFUSED')));
    expect(await refused.client.connect(10_000)).toBe(false);
    expect(await make().client.connect(1)).toBe(false);
  });

  it.each([
    ['WRONGPASS invalid username-password pair', /^Redis refused the credentials \(redis\.username, redis\.password\)/],
    [
      'self-signed certificate in certificate chain',
      /^the certificate of Redis is not trusted \(redis\.tls\.ca_file\)/,
    ],
    ['getaddrinfo ENOTFOUND redis', /^getaddrinfo ENOTFOUND redis$/],
  ])('says what to look at: %s', async (message, words) => {
    const { connection, emit } = make();
    await emit('error', new Error(message));
    expect(connection[0]).toMatch(words);
    const cluster = make({ isCluster: true });
    await cluster.emit('error', Object.assign(new Error('Failed to refresh'), { lastNodeError: new Error(message) }));
    expect(cluster.connection[0]).toMatch(words);
  });

  it('does not count a server that refuses everything, and asks it again', async () => {
    const { client, connection, emit, reply } = make();
    reply.mockRejectedValueOnce(replyError('LOADING Redis is loading the dataset in memory'));
    await emit('ready');
    expect(client.reachable).toBe(false);
    expect(connection).toEqual([expect.stringMatching(/^Redis is still loading its data: LOADING/)]);
    await vi.waitFor(() => expect(client.reachable).toBe(true), 5000);
    const limited = make();
    limited.reply.mockRejectedValueOnce(replyError("NOPERM this user has no permissions to run the 'ping' command"));
    await limited.emit('ready');
    expect(limited.client.reachable).toBe(true);
    await limited.client.close();
    expect(limited.ioredis.disconnect).toHaveBeenCalled();
  });

  it('reads and writes in one round trip', async () => {
    const { client, reply, pipelined } = make();
    const value = Buffer.from('v');
    reply.mockReturnValueOnce([value, null]);
    expect(await client.getMany(['a', 'b'])).toEqual([value, null]);
    reply.mockReturnValueOnce([
      [null, 'OK'],
      [null, 'OK'],
    ]);
    await client.setMany([
      { key: 'a', value },
      { key: 'b', value, ttlMs: 7 },
    ]);
    expect(pipelined).toEqual([
      ['a', value],
      ['b', value, 'PX', 7],
    ]);
    reply.mockReturnValueOnce([[replyError('OOM command not allowed'), undefined]]);
    await expect(client.setMany([{ key: 'a', value }])).rejects.toThrow(RedisReplyError);
  });

  it('asks a cluster for each key by itself, and takes other types for nothing', async () => {
    const { client, reply } = make({ isCluster: true });
    reply.mockImplementation((command, key) => {
      if (key === 'list') throw replyError('WRONGTYPE Operation against a key holding the wrong kind of value');
      if (key === 'away') throw new Error('connection lost');
      return command === 'getBuffer' ? Buffer.from(String(key)) : 'OK';
    });
    expect(await client.getMany(['a', 'list'])).toEqual([Buffer.from('a'), null]);
    await expect(client.getMany(['a', 'away'])).rejects.toThrow('connection lost');
    await client.setMany([{ key: 'a', value: Buffer.from('v'), ttlMs: 5 }]);
    expect(reply).toHaveBeenLastCalledWith('set', 'a', Buffer.from('v'), 'PX', 5);
  });

  it('sends a script in full to a server that does not know it', async () => {
    const { client, reply } = make();
    const script = { source: 'return 1', sha1: 'abc' };
    expect(await client.runScript(script, 'k', [1])).toBe('OK');
    expect(reply).toHaveBeenLastCalledWith('evalsha', 'abc', 1, 'k', 1);
    reply.mockRejectedValueOnce(replyError('NOSCRIPT No matching script'));
    await client.runScript(script, 'k', [1]);
    expect(reply).toHaveBeenLastCalledWith('eval', 'return 1', 1, 'k', 1);
    reply.mockRejectedValueOnce(new Error('connection lost'));
    await expect(client.runScript(script, 'k', [1])).rejects.toThrow('connection lost');
  });
});
