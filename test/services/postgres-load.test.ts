import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresSession } from '../../src/shared/postgres/session.js';
import { parsePostgresUrl } from '../../src/shared/postgres/address.js';
import { differences } from '../support/closeness.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { redisSettings, redisVariables } from '../support/redis.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

/** Connections that read features; one more asks for changes. */
const POOL = 3;
const CALLERS = 24;

interface StoredRow {
  readonly features: Record<string, unknown>;
  readonly entities: { readonly applicant_id: string };
  readonly prediction: Record<string, number>;
}
const [model_version, { tolerance, stored_rows: rows }] = Object.entries(
  (
    JSON.parse(readFileSync('examples/heldout/mortgage_denial.json', 'utf8')) as {
      versions: Record<string, { tolerance: number; stored_rows: StoredRow[] }>;
    }
  ).versions,
)[0]!;
/** Reading this one takes half a minute; all others some milliseconds. */
const [slowRow, ...quickRows] = rows as [StoredRow, ...StoredRow[]];

let postgres: TestPostgres;
let redis: TestServer;
let service: Service;
const models = temporaryFolder('models');
const examples = ['--models', models, '--features', 'examples/features.yaml'];

beforeAll(async () => {
  cpSync('examples/models/mortgage_denial', path.join(models, 'mortgage_denial'), { recursive: true });
  [postgres, redis] = await Promise.all([startPostgres(), startServer('redis')]);
  const env = { ...process.env, DATABASE_URL: postgres.url };
  const csv = 'examples/features/applicant_profile.csv';
  const args = ['features', 'import', csv, '--view', 'applicant_profile', '--features', 'examples/features.yaml'];
  expect(spawnSync(process.execPath, ['bin/inference', ...args], { env, encoding: 'utf8' })).toMatchObject({
    status: 0,
  });
  await postgres.execute(`ALTER TABLE applicant_profile RENAME TO profiles;
    CREATE VIEW applicant_profile AS SELECT p.* FROM profiles p,
      pg_sleep(CASE WHEN p.applicant_id = '${slowRow.entities.applicant_id}' THEN 30 ELSE 0.01 END)`);
  service = await launchService({
    args: examples,
    env: {
      DATABASE_URL: postgres.url,
      ...redisVariables(redis.port),
      ...redisSettings({ COMMAND_TIMEOUT_MS: '15' }),
      INFERENCE_SERVICE__DATABASE__POOL_SIZE: String(POOL),
      INFERENCE_SERVICE__DATABASE__QUERY_TIMEOUT_MS: '60000',
      INFERENCE_SERVICE__HTTP__MAX_QUEUE_MS: '60000',
    },
  });
  await eventually(async () => (await predict(quickRows[0]!)).status === 200, 60_000);
});
afterAll(async () => {
  await service?.stop('SIGKILL');
  await redis?.remove();
  await postgres?.remove();
  rmSync(models, { recursive: true });
});

interface Wish {
  readonly enable_cache?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

function body({ features, entities }: StoredRow, enable_cache: boolean): string {
  return JSON.stringify({ model_id: 'mortgage_denial', model_version, features, entities, options: { enable_cache } });
}
const predict = (row: StoredRow, { enable_cache = true, timeoutMs = 30_000 }: Wish = {}) =>
  post(`${service.url}/v1/predict`, body(row, enable_cache), { 'x-request-timeout-ms': String(timeoutMs) });

/** One session for all looks: a new one for each would be work for the server. */
async function openActivity() {
  const session = await PostgresSession.open({
    address: parsePostgresUrl(postgres.url),
    ...{ ssl: { mode: 'disable' } as const, connectTimeoutMs: 5000, applicationName: 'test' },
  });
  const text = `SELECT count(*), count(*) FILTER (WHERE state = 'active'),
      count(*) FILTER (WHERE state = 'active' AND query LIKE '%applicant_profile%')
    FROM pg_stat_activity WHERE application_name = 'inference-service'`;
  return {
    async look() {
      const [connections, active, reading] = (await session.query({ text })).rows[0]!.map(Number);
      return { connections: connections!, active: active!, reading: reading! };
    },
    close: () => session.close(),
  };
}

const inFlight = async () => {
  const { text } = (await get(`${service.url}/metrics`)).body as { text: string };
  return /^inference_in_flight 0$/m.test(text) ? 'none' : 'some';
};

describe('demand 16: a prediction that waits for PostgreSQL', () => {
  it("ends with its caller's budget, and the statement is cancelled", async () => {
    const activity = await openActivity();
    const begun = performance.now();
    const reply = await predict(slowRow, { enable_cache: false, timeoutMs: 500 });
    expect([reply.status, reply.body['error_code']]).toEqual([504, 'INFERENCE_TIMEOUT']);
    expect(performance.now() - begun).toBeLessThan(5000);
    await eventually(async () => (await activity.look()).reading === 0, 5000);
    await activity.close();
  });

  it('ends when its caller closes the connection, and the statement is cancelled', async () => {
    const activity = await openActivity();
    const caller = new AbortController();
    const reply = fetch(`${service.url}/v1/predict`, {
      ...{ method: 'POST', body: body(slowRow, false), signal: caller.signal },
      headers: { 'content-type': 'application/json', 'x-request-timeout-ms': '30000' },
    }).catch(() => 'gone');
    await eventually(async () => (await activity.look()).reading === 1, 10_000);
    caller.abort();
    expect(await reply).toBe('gone');
    // 50 ms is the demand; left alone the statement would take half a minute.
    await eventually(async () => (await activity.look()).reading === 0, 5000);
    await eventually(async () => (await inFlight()) === 'none', 5000);
    await activity.close();
    expect((await predict(quickRows[0]!, { enable_cache: false })).status).toBe(200);
  });
});

describe('demand 8: Redis dies under load', () => {
  it('and PostgreSQL never gets more at once than its pool has, all answers are right, and the cache is used again', async () => {
    await eventually(async () => (await predict(quickRows[0]!)).body['cached'] === true, 20_000);
    const activity = await openActivity();
    const peak = { connections: 0, active: 0, reading: 0 };
    const statuses = new Map<number, number>();
    const wrong: string[] = [];
    let asking = true;
    const caller = async (_: unknown, first: number) => {
      for (let at = first; asking; at += 7) {
        const row = quickRows[at % quickRows.length]!;
        const reply = await predict(row);
        statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
        if (reply.status === 200) wrong.push(...differences(reply.body['prediction'], row.prediction, tolerance));
      }
    };
    const watcher = async () => {
      while (asking) {
        const now = await activity.look();
        for (const name of ['connections', 'active', 'reading'] as const) peak[name] = Math.max(peak[name], now[name]);
        await sleep(10);
      }
    };
    const all = [watcher(), ...Array.from({ length: CALLERS }, caller)];
    await sleep(1500);
    await redis.stop();
    await sleep(6000);
    asking = false;
    await Promise.all(all);
    await activity.close();

    const figures = JSON.stringify({ peak, statuses: [...statuses] });
    expect(wrong).toEqual([]);
    // What the store cannot do in time is shed.
    expect(
      [...statuses.keys()].filter((status) => ![200, 503, 504].includes(status)),
      figures,
    ).toEqual([]);
    expect(statuses.get(200), figures).toBeGreaterThan(50);
    // The load did reach the store.
    expect(peak.reading, figures).toBeGreaterThanOrEqual(2);
    expect(peak.reading, figures).toBeLessThanOrEqual(POOL);
    expect(peak.active, figures).toBeLessThanOrEqual(POOL + 1);
    expect(peak.connections, figures).toBeLessThanOrEqual(POOL + 1);
    await redis.start();
    await eventually(async () => (await predict(quickRows[0]!)).body['cached'] === true, 30_000);
  });
});
