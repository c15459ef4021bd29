/**
 * Measures how long stored features take to arrive: predictions by entity at a steady rate, Redis as the cache, PostgreSQL as the store, both
 * started here by `test/services/`. Of the entities asked for, a share is in the cache already. Not part of `run.ts`, as it installs
 * servers:
 *
 *     npm run build && npx tsx bench/features.ts [--rate 1000] [--seconds 30] [--hits 0.95] [--json]
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { startPostgres } from '../test/support/postgres.js';
import { startServer } from '../test/support/servers.js';

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '30' },
    hits: { type: 'string', default: '0.95' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const command = path.resolve('bin/inference');
const known = 1000;
const goalMs = 5;
const warmRounds = 5;
const connections = 64;

/** Rows of entities `E-0` … `E-<count - 1>`. */
function writeRows(file: string, count: number): void {
  const lines = Array.from(
    { length: count },
    (_, at) => `E-${at},${1 + (at % 6)},${1 + (at % 4)},${at % 7 === 0},2026-01-01T00:00:00Z`,
  );
  writeFileSync(
    file,
    'applicant_id,consumer_credit_score,mortgage_credit_score,public_bad_credit_record,updated_at\n' +
      lines.join('\n') +
      '\n',
  );
}

interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

async function serve(folder: string, env: NodeJS.ProcessEnv): Promise<Running> {
  const child = spawn(process.execPath, [command, 'serve', '--port', '0', ...placesIn(folder)], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-10_000);
      const found = /^Listening on (\S+)$/m.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}\n${output}`)));
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  return { url, stop };
}

const placesIn = (folder: string): string[] => [
  ...['--models', path.join(folder, 'models'), '--data', path.join(folder, 'data')],
  ...['--features', 'examples/features.yaml'],
];

const importPlaces = (folder: string): string[] => placesIn(folder).slice(2);

/** Open loop: each request goes out when it is due. Answers the statuses that were not 200. */
async function load(url: string, entities: readonly string[], rate: number): Promise<readonly number[]> {
  const pool = new Pool(url, { connections });
  const stored = JSON.parse(readFileSync('examples/requests/mortgage_denial_stored.json', 'utf8')) as object;
  const start = performance.now();
  const statuses = await Promise.all(
    entities.map(async (applicant_id, at) => {
      await sleep(Math.max(0, start + (at * 1000) / rate - performance.now()));
      const body = JSON.stringify({ ...stored, entities: { applicant_id } });
      const headers = { 'content-type': 'application/json' };
      const reply = await pool.request({ method: 'POST', path: '/v1/predict', headers, body });
      await reply.body.dump();
      return reply.statusCode;
    }),
  );
  await pool.close();
  return statuses.filter((status) => status !== 200);
}

/** `stages_ms.features` of the last `count` events: what the service itself measured. */
function featureTimes(folder: string, count: number): number[] {
  const events = path.join(folder, 'data', 'events');
  const lines = readdirSync(events).flatMap((name) =>
    readFileSync(path.join(events, name), 'utf8').split('\n').filter(Boolean),
  );
  const times = lines.map(
    (line) => JSON.parse(line) as { data: { timestamp: string; stages_ms: { features: number } } },
  );
  times.sort((a, b) => (a.data.timestamp < b.data.timestamp ? -1 : 1));
  return times.slice(-count).map(({ data }) => data.stages_ms.features);
}

async function measure(folder: string): Promise<{ readonly times: number[]; readonly failed: readonly number[] }> {
  const [rate, seconds, hits] = [options.rate, options.seconds, options.hits].map(Number) as [number, number, number];
  const asked = rate * seconds;
  const cold = Math.ceil(asked * (1 - hits));
  const [redis, postgres] = await Promise.all([startServer('redis'), startPostgres()]);
  try {
    const env = {
      ...process.env,
      DATABASE_URL: postgres.url,
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(redis.port),
      REDIS_PASSWORD: '',
    };
    const rows = path.join(folder, 'rows.csv');
    writeRows(rows, known + cold);
    execFileSync(
      process.execPath,
      [command, 'features', 'import', rows, '--view', 'applicant_profile', ...importPlaces(folder)],
      {
        env,
        stdio: 'inherit',
      },
    );
    const service = await serve(folder, { ...env, INFERENCE_SERVICE__LOG_LEVEL: 'ERROR' });
    const warm = Array.from({ length: known }, (_, at) => `E-${at}`);
    // Into the cache; and again, as compilers of hot code need their time.
    for (let round = 0; round < warmRounds; round++) await load(service.url, warm, rate);
    const every = Math.round(1 / (1 - hits));
    let next = known;
    const entities = Array.from(
      { length: asked },
      (_, at) => `E-${at % every === 0 && next < known + cold ? next++ : (at * 7) % known}`,
    );
    const failed = await load(service.url, entities, rate);
    await service.stop();
    return { times: featureTimes(folder, asked), failed };
  } finally {
    await Promise.all([redis.remove(), postgres.remove()]);
  }
}

async function main(): Promise<void> {
  if (options.help)
    return console.log('usage: npx tsx bench/features.ts [--rate 1000] [--seconds 30] [--hits 0.95] [--json]');
  const folder = mkdtempSync(path.join(tmpdir(), 'inference-features-'));
  try {
    mkdirSync(path.join(folder, 'models'));
    cpSync('examples/models/mortgage_denial', path.join(folder, 'models/mortgage_denial'), { recursive: true });
    const { times, failed } = await measure(folder);
    const sorted = times.sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
    const report = {
      predictions: sorted.length,
      failed: Object.fromEntries(
        [...new Set(failed)].map((status) => [status, failed.filter((one) => one === status).length]),
      ),
      p50_ms: at(0.5),
      p95_ms: at(0.95),
      p99_ms: at(0.99),
      max_ms: at(1),
    };
    console.log(options.json ? JSON.stringify(report) : report);
    console.log(`p99 under ${goalMs} ms: ${report.p99_ms < goalMs ? 'met' : 'NOT MET'}`);
    if (failed.some((status) => status !== 503)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
