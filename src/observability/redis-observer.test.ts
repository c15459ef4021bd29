import { expect, it } from 'vitest';
import { createLogger } from './logger.js';
import { Metrics } from './metrics.js';
import { redisObserver } from './redis-observer.js';

it('redisObserver says when Redis went, why, and when it came back', async () => {
  const lines: string[] = [];
  const { instruments } = new Metrics();
  const observer = redisObserver(instruments, createLogger('INFO', { write: (line) => void lines.push(line) }));
  const unreachable = async () => (await instruments.redisUnreachable.get()).values[0]?.value;
  observer.redisUnreachable('ECONNREFUSED');
  expect(await unreachable()).toBe(1);
  observer.redisReachable();
  expect(await unreachable()).toBe(0);
  observer.redisRefused('NOPERM');
  expect(instruments.redisRefusals.of({}).value).toBe(1);
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(logged.map(({ level, cause }) => [level, cause])).toEqual([
    ['ERROR', 'ECONNREFUSED'],
    ['INFO', undefined],
    ['ERROR', 'NOPERM'],
  ]);
});
