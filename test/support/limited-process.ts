/**
 * A process that asks Redis for admissions, for tests of limits over processes. Its clock is off by LIMIT_SKEW_MS. It is told when to ask and
 * by how many; it answers with what was admitted, and between which times of the machine's clock.
 */
import { RedisWindows } from '../../src/access/rate-limit/redis-windows.js';
import { systemClock } from '../../src/shared/clock.js';
import { connectRedis } from './redis.js';

export interface Asked {
  readonly caller: string;
  readonly limit: number;
  readonly weight: number;
}
export interface Admission {
  readonly weight: number;
  readonly sentAt: number;
  readonly answeredAt: number;
}
export interface AskAnswer {
  readonly admission: Admission | null;
  readonly degraded: number;
}

const skewMs = Number(process.env['LIMIT_SKEW_MS']);
const clock = { now: () => systemClock.now() + skewMs, monotonic: () => systemClock.monotonic() + skewMs };
let degraded = 0;

const { redis } = await connectRedis(process.env as Record<string, string>);
const windows = new RedisWindows({
  ...{ client: redis, keyPrefix: 'inference:', processes: 4, clock, windowMs: Number(process.env['LIMIT_WINDOW_MS']) },
  observer: { limiterDegraded: () => void degraded++, limiterOverflow: () => undefined },
});

process.on('message', (asked: Asked) => void answer(asked));
process.on('disconnect', () => process.exit());
process.send?.('ready');

async function answer({ caller, limit, weight }: Asked): Promise<void> {
  const sentAt = Date.now();
  const { allowed } = await windows.take(caller, limit, weight);
  const admission = allowed ? { weight, sentAt, answeredAt: Date.now() } : null;
  process.send?.({ admission, degraded } satisfies AskAnswer);
}
