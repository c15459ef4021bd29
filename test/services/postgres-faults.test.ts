import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/app/open-database.js';
import { createFeatureService, type FeatureService } from '../../src/features/index.js';
import { MemoryCache } from '../../src/features/caches/memory-cache.js';
import { PostgresFeatureStore } from '../../src/features/stores/postgres-store.js';
import { systemClock } from '../../src/shared/clock.js';
import { Deadline, type Caller } from '../../src/shared/deadline.js';
import { recordingObserver, shops } from '../support/features.js';
import {
  openDatabaseAt,
  recordingPostgresObserver,
  startPostgres,
  urlOf,
  type TestPostgres,
} from '../support/postgres.js';
import { eventually } from '../support/service.js';
import { startServer, type TestServer } from '../support/servers.js';
import { systemTimers } from '../../src/shared/timers.js';

const script = path.resolve('test/services/toxiproxy');
const run = promisify(execFile);

let postgres: TestPostgres;
let proxy: TestServer;
let proxied: number;
const toxiproxy = (verb: string, ...args: string[]) => run(script, [verb, String(proxy.port), ...args]);
const toxic = (type: string, attributes: object, stream = 'downstream') =>
  toxiproxy('toxic', 'postgres', JSON.stringify({ name: `${type}-${stream}`, type, stream, attributes }));

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await startServer('toxiproxy');
  proxied = proxy.port + 1;
  await toxiproxy('add', 'postgres', `127.0.0.1:${proxied}`, `127.0.0.1:${postgres.server.port}`);
  await postgres.execute(
    "CREATE TABLE shops (shop_id text PRIMARY KEY, size integer); INSERT INTO shops VALUES ('a', 1), ('b', 2)",
  );
});
afterAll(async () => {
  await proxy.remove();
  await postgres.remove();
});

let database: Database;
let store: PostgresFeatureStore;
let service: FeatureService;
let told: ReturnType<typeof recordingPostgresObserver>['facts'];
let facts: ReturnType<typeof recordingObserver>['facts'];

const queryTimeoutMs = 400;
beforeEach(async () => {
  await toxiproxy('reset');
  const recording = recordingPostgresObserver();
  told = recording.facts;
  const limits = { queryTimeoutMs, connectTimeoutMs: 400, size: 4, observer: recording.observer };
  database = await openDatabaseAt(urlOf(proxied), limits);
  const { reads: pool, control, openSession, schema } = database;
  store = new PostgresFeatureStore({ pool, control, openSession, schema, clock: systemClock });
  const features = recordingObserver();
  facts = features.facts;
  service = createFeatureService({
    views: new Map([[shops.name, shops]]),
    ...{ store, clock: systemClock, timers: systemTimers, observer: features.observer },
    cache: new MemoryCache({ maxBytes: 1024 * 1024, clock: systemClock, observer: features.observer }),
    options: { ttlSeconds: 0.05, negativeTtlSeconds: 0.05, storeMaxConcurrency: 4 },
  });
});
afterEach(async () => {
  await toxiproxy('reset');
  await service.close();
  await database.close();
});

const read = async (budgetMs = 5000, key = 'a', caller?: Caller) =>
  (
    await service.read([{ view: shops, key }], {
      useCache: false,
      deadline: new Deadline(systemClock, budgetMs, caller),
    })
  )[0];
const timed = async <T>(work: Promise<T>): Promise<{ ms: number; result?: T; code?: unknown }> => {
  const startedAt = performance.now();
  const outcome = await work.then(
    (result) => ({ result }),
    (error: unknown) => ({ code: (error as { code?: unknown }).code }),
  );
  return { ms: performance.now() - startedAt, ...outcome };
};
const answers = async () => (await timed(read(2000))).result?.state === 'row';
/** Statements of the service that the server works on. */
const atWork = async () => {
  const [row] = await postgres.execute(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'inference-service' AND state = 'active'",
  );
  return Number(row?.[0]);
};

const faults: [string, () => Promise<unknown>][] = [
  ['down', () => toxiproxy('up', 'postgres', 'false')],
  ['a black hole', () => toxic('timeout', { timeout: 0 })],
  ['a black hole that swallows what is sent', () => toxic('timeout', { timeout: 0 }, 'upstream')],
  ['reset at once', () => toxic('reset_peer', { timeout: 0 })],
  ['cut off in the middle of answers', () => toxic('limit_data', { bytes: 30 })],
  ['slower than its limit', () => toxic('latency', { latency: 2000 })],
];

// Demand 8, with a deadline that is longer than the store's own limit; demand 20 for the pool's error.
describe.each(faults)('demand 8: PostgreSQL is %s', (_, begin) => {
  it('is unavailable within its limit, then at once, and is served again by itself', async () => {
    expect(await answers()).toBe(true);
    await begin();
    const first = await timed(read());
    expect(first.result).toEqual({ state: 'unavailable' });
    expect(first.ms).toBeLessThan(queryTimeoutMs + 1600);
    await eventually(() => service.health().store === 'unhealthy');
    await eventually(async () => (await timed(read())).ms < 20);
    expect((await timed(read())).result).toEqual({ state: 'unavailable' });
    await toxiproxy('up', 'postgres', 'true');
    await toxiproxy('reset');
    const mended = performance.now();
    await eventually(answers);
    expect(performance.now() - mended).toBeLessThan(8000);
    expect(service.health().store).toBe('healthy');
    expect(facts.storeFailed.length).toBeGreaterThan(0);
  });

  it('keeps a deadline that is shorter than its limit', async () => {
    expect(await answers()).toBe(true);
    await begin();
    const { ms, code, result } = await timed(read(100));
    if (code === undefined) expect(result).toEqual({ state: 'unavailable' });
    else expect(code).toBe('INFERENCE_TIMEOUT');
    expect(ms).toBeLessThan(queryTimeoutMs);
  });
});

describe('demand 20: the server is restarted', () => {
  it('tells of lost connections, and goes on', async () => {
    expect(await answers()).toBe(true);
    await postgres.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'inference-service'",
    );
    await eventually(() => told.lost.length > 0);
    await eventually(answers);
  });
});

describe('demand 16: work stops with its deadline', () => {
  beforeAll(async () => {
    await postgres.execute(`ALTER TABLE shops RENAME TO quick_shops;
      CREATE VIEW shops AS SELECT q.shop_id, q.size FROM quick_shops q, pg_sleep(CASE WHEN q.shop_id = 'a' THEN 30 ELSE 0 END)`);
  });
  afterAll(async () => void (await postgres.execute('DROP VIEW shops; ALTER TABLE quick_shops RENAME TO shops')));

  it('cancels the statement on the server when the time is up, and keeps the connection', async () => {
    expect((await timed(read(2000, 'b'))).result?.state).toBe('row');
    const pids = () =>
      postgres.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'inference-service' ORDER BY 1");
    const before = await pids();
    const { ms, code } = await timed(read(150));
    expect(code).toBe('INFERENCE_TIMEOUT');
    expect(ms).toBeLessThan(queryTimeoutMs);
    await eventually(async () => (await atWork()) === 0, 1000);
    expect(told).toMatchObject({ cancelled: 1, cancelFailed: [] });
    expect((await timed(read(2000, 'b'))).result?.state).toBe('row');
    expect(await pids()).toEqual(before);
  });

  it('cancels it when the last caller goes away, not before', async () => {
    await read(2000, 'b');
    const callers = [new AbortController(), new AbortController()];
    const reads = callers.map(({ signal }) =>
      timed(
        Promise.resolve(
          service.read([{ view: shops, key: 'a' }], {
            useCache: true,
            deadline: new Deadline(systemClock, 5000, {
              cancel: signal,
              get gone() {
                return signal.aborted;
              },
            }),
          }),
        ),
      ),
    );
    await eventually(async () => (await atWork()) === 1, 5000).catch(() => undefined);
    callers[0]!.abort();
    expect((await reads[0]!).code).toBe('INFERENCE_TIMEOUT');
    callers[1]!.abort();
    expect((await reads[1]!).code).toBe('INFERENCE_TIMEOUT');
    await eventually(async () => (await atWork()) === 0, 1000);
  });

  it('holds no more connections than the pool has, and has all of them back', async () => {
    await Promise.all(Array.from({ length: 40 }, () => timed(read(120))));
    await eventually(async () => (await atWork()) === 0, 2000);
    const [row] = await postgres.execute(
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'inference-service'",
    );
    expect(Number(row?.[0])).toBeLessThanOrEqual(4 + 1);
    expect((await timed(read(2000, 'b'))).result?.state).toBe('row');
  });

  it('is ended by the server itself when the cancel request cannot reach it', async () => {
    await read(2000, 'b');
    const slow = timed(read(5000));
    await eventually(async () => (await atWork()) === 1, 5000).catch(() => undefined);
    await toxiproxy('up', 'postgres', 'false');
    expect((await slow).result).toEqual({ state: 'unavailable' });
    await eventually(async () => (await atWork()) === 0, 5000);
  });
});

describe('demand 24: a hot key expires under 500 requests at once', () => {
  it('is read once, and a failed read is not shared beyond its callers', async () => {
    await postgres.execute(`CREATE TABLE reads (n int); CREATE FUNCTION counted() RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO reads VALUES (1); RETURN 7; END $$;
      ALTER TABLE shops RENAME TO plain_shops; CREATE VIEW shops AS SELECT shop_id, counted() AS size FROM plain_shops WHERE shop_id = 'a'`);
    const count = async () => Number((await postgres.execute('SELECT count(*) FROM reads'))[0]?.[0]);
    const readAll = () =>
      Promise.all(
        Array.from(
          { length: 500 },
          async () =>
            (
              await service.read([{ view: shops, key: 'a' }], {
                useCache: true,
                deadline: new Deadline(systemClock, 5000),
              })
            )[0],
        ),
      );
    await readAll();
    // The time to live is 50 ms.
    await new Promise((resolve) => setTimeout(resolve, 80));
    const before = await count();
    const reads = await readAll();
    expect(reads.every((one) => one?.state === 'row' && one.values[0] === 7)).toBe(true);
    expect((await count()) - before).toBe(1);

    // The load that fails: those who waited for it get nothing, and the next who asks has it read again.
    const counted = (body: string) =>
      postgres.execute(`CREATE OR REPLACE FUNCTION counted() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`);
    await counted("RAISE EXCEPTION 'broken';");
    await new Promise((resolve) => setTimeout(resolve, 80));
    const failedBefore = facts.storeFailed.length;
    const failed = await readAll();
    expect(failed.every((one) => one?.state === 'unavailable')).toBe(true);
    expect(facts.storeFailed.length - failedBefore).toBe(1);
    await counted('INSERT INTO reads VALUES (1); RETURN 8;');
    const [next] = await readAll();
    expect(next).toMatchObject({ state: 'row', values: [8] });
    await postgres.execute(
      'DROP VIEW shops; ALTER TABLE plain_shops RENAME TO shops; DROP FUNCTION counted; DROP TABLE reads',
    );
  });
});
