import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisWindows } from '../../src/access/rate-limit/redis-windows.js';
import { systemClock } from '../../src/shared/clock.js';
import type { RedisClient } from '../../src/shared/redis-client.js';
import type { Admission, AskAnswer, Asked } from '../support/limited-process.js';
import { connectRedis, redisCli, redisVariables, type TestRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/servers.js';

let server: TestServer;
let shared: TestRedis;

beforeAll(async () => {
  server = await startServer('redis');
  shared = await connectRedis(redisVariables(server.port));
});
afterAll(async () => {
  await shared.redis.close();
  await server.remove();
});

function makeWindows(windowMs: number, client: RedisClient = shared.redis) {
  const told = { degraded: 0 };
  const windows = new RedisWindows({
    ...{ client, keyPrefix: 'inference:', processes: 4, clock: systemClock, windowMs },
    observer: { limiterDegraded: () => void told.degraded++, limiterOverflow: () => undefined },
  });
  return { windows, told };
}

/** Over more than this the test would prove nothing: what was admitted at some time between the two was surely within the window. */
function largestWindow(admissions: readonly Admission[], windowMs: number): number {
  let largest = 0;
  for (const { sentAt } of admissions) {
    const inside = admissions.filter((one) => one.sentAt >= sentAt && one.answeredAt <= sentAt + windowMs);
    largest = Math.max(
      largest,
      inside.reduce((sum, { weight }) => sum + weight, 0),
    );
  }
  return largest;
}

class LimitedProcess {
  readonly #child: ChildProcess;
  readonly admissions: Admission[] = [];
  degraded = 0;
  asked = 0;
  answered = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => {
      const { admission, degraded } = message as AskAnswer;
      this.answered++;
      this.degraded = degraded;
      if (admission !== null) this.admissions.push(admission);
    });
  }

  static async start(skewMs: number, windowMs: number): Promise<LimitedProcess> {
    const child = fork('test/support/limited-process.ts', [], {
      execArgv: ['--import', 'tsx'],
      env: {
        ...process.env,
        ...redisVariables(server.port),
        LIMIT_SKEW_MS: String(skewMs),
        LIMIT_WINDOW_MS: String(windowMs),
      },
    });
    await new Promise((resolve) => child.once('message', resolve));
    return new LimitedProcess(child);
  }

  begin(): void {
    this.admissions.length = 0;
    this.asked = 0;
    this.answered = 0;
  }

  end(): void {
    this.#child.disconnect();
  }

  ask(asked: Asked): void {
    this.asked++;
    this.#child.send(asked);
  }

  async done(): Promise<void> {
    while (this.answered < this.asked) await delay(5);
  }
}

describe('demand 13: one limit over four processes whose clocks are 5 s apart', () => {
  const windowMs = 3000;
  let processes: LimitedProcess[];

  beforeAll(async () => {
    processes = await Promise.all([0, 5000, -5000, 10_000].map((skew) => LimitedProcess.start(skew, windowMs)));
  });
  beforeEach(() => processes.forEach((one) => one.begin()));
  afterAll(() => processes.forEach((one) => one.end()));

  it.each([
    ['the exact log', 100, 1],
    ['the exact log, weights of 1 to 5', 100, 5],
    ['sub-windows', 1500, 20],
  ])('no window lets more pass than the limit, whatever the arrivals: %s', async (_name, limit, heaviest) => {
    const caller = randomUUID();
    const end = Date.now() + 3 * windowMs;
    const callers = processes.map(async (one, index) => {
      // Bursts at the edges of windows and parts of windows, and a trickle between them.
      const pauses = [0, 0, windowMs - 100, 50, 60, windowMs / 60, 10, windowMs / 2, 5];
      for (let step = index; Date.now() < end; step++) {
        for (let i = 0; i < 40; i++) one.ask({ caller, limit, weight: 1 + ((step + i) % heaviest) });
        await delay(pauses[step % pauses.length]);
      }
      await one.done();
    });
    await Promise.all(callers);
    const admissions = processes.flatMap((one) => one.admissions);
    expect(processes.map(({ degraded }) => degraded)).toEqual([0, 0, 0, 0]);
    expect(largestWindow(admissions, windowMs)).toBeLessThanOrEqual(limit);
    const passed = admissions.reduce((sum, { weight }) => sum + weight, 0);
    // It is a limit and no wall: every window passes nearly all of it.
    expect(passed).toBeGreaterThan(2 * limit);
    expect(admissions.length).toBeLessThan(processes.reduce((sum, { asked }) => sum + asked, 0));
  });

  it('a steady caller at nine tenths of the limit is never refused', async () => {
    const caller = randomUUID();
    for (let i = 0; i < 270; i++) {
      const one = processes[i % 4]!;
      one.ask({ caller, limit: 100, weight: 1 });
      // One after the other: requests that pile up behind a busy machine would not be steady.
      await Promise.all([one.done(), delay(windowMs / 90)]);
    }
    expect(processes.flatMap(({ admissions }) => admissions)).toHaveLength(270);
  });
});

describe('RedisWindows', () => {
  it('refuses only what the limit forbids, and says until when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 12 }),
        async (weights, limit) => {
          const { windows } = makeWindows(600_000);
          const caller = randomUUID();
          let used = 0;
          for (const weight of weights) {
            const decision = await windows.take(caller, limit, weight);
            expect(decision.allowed).toBe(used + weight <= limit);
            if (decision.allowed) used += weight;
            if (decision.allowed) expect(decision.remaining).toBe(limit - used);
            expect(decision.resetMs).toBeLessThanOrEqual(600_000);
            expect(decision.resetMs).toBeGreaterThan(590_000);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([
    ['log', 5, 0],
    ['sub-windows', 1500, 2000 / 60],
  ])(
    'has room again when the time it told is over, and was not changed by refusals: %s',
    async (_name, limit, early) => {
      const { windows } = makeWindows(2000);
      const caller = randomUUID();
      const first = await windows.take(caller, limit, limit);
      expect(first).toEqual({ allowed: true, remaining: 0, resetMs: 2000 });
      let refusal = await windows.take(caller, limit, 1);
      const end = Date.now() + refusal.resetMs;
      expect(refusal.resetMs).toBeLessThanOrEqual(2000 + early);
      while (!refusal.allowed) {
        await delay(10);
        refusal = await windows.take(caller, limit, 1);
      }
      expect(Date.now()).toBeGreaterThanOrEqual(end - 20);
      expect(refusal.remaining).toBe(limit - 1);
    },
  );

  it('answers repeated refusals without asking Redis', async () => {
    const { windows } = makeWindows(600_000);
    const caller = randomUUID();
    await windows.take(caller, 1, 1);
    await windows.take(caller, 1, 1);
    const calls = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redisCli(server.port, 'INFO', 'commandstats'))?.[1]);
    const before = await calls();
    for (let i = 0; i < 1000; i++) expect(windows.take(caller, 1, 1)).toMatchObject({ allowed: false });
    expect(await calls()).toBe(before);
  });

  it('keeps what was admitted when a limit is raised beyond what the log is for', async () => {
    const { windows } = makeWindows(600_000);
    const caller = randomUUID();
    await windows.take(caller, 1000, 1000);
    expect(await windows.take(caller, 1500, 501)).toMatchObject({ allowed: false, remaining: 500 });
    expect(await windows.take(caller, 1500, 500)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await windows.take(caller, 1000, 1)).toMatchObject({ allowed: false, remaining: 0 });
  });

  it('forgets a window once it is empty, in Redis too', async () => {
    const { windows } = makeWindows(500);
    const caller = randomUUID();
    await windows.take(caller, 5, 1);
    const ttl = Number(await redisCli(server.port, 'PTTL', `inference:rate:{${caller}}`));
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(520);
  });

  it('goes on when another program wrote under the key, and when Redis forgot the script', async () => {
    const { windows, told } = makeWindows(600_000);
    const caller = randomUUID();
    await redisCli(server.port, 'LPUSH', `inference:rate:{${caller}}`, 'x');
    expect(await windows.take(caller, 2, 1)).toMatchObject({ allowed: true, remaining: 1 });
    await redisCli(server.port, 'SCRIPT', 'FLUSH');
    expect(await windows.take(caller, 2, 1)).toMatchObject({ allowed: true, remaining: 0 });
    expect(told.degraded).toBe(0);
  });

  it('counts an admission of before a clock was set back, and does not overwrite it', async () => {
    const { windows } = makeWindows(600_000);
    const caller = randomUUID();
    const future = String(Date.now() * 1000 + 5_000_000);
    await redisCli(server.port, 'ZADD', `inference:rate:{${caller}}`, future, future);
    expect(await windows.take(caller, 3, 1)).toMatchObject({ allowed: true, remaining: 1 });
    expect(await windows.take(caller, 3, 1)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await windows.take(caller, 3, 1)).toMatchObject({ allowed: false });
  });
});
