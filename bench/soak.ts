/**
 * Demand 22: steady load at 0.7 of what the service can do, with something going wrong each minute; does it hold more and more?
 * After `npm run build`. See bench/README.md.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { startServer as startOutside } from '../test/support/servers.js';
import { applyLoad, type Measured } from './measure/load.js';
import { conditions, openMachine, type Machine } from './measure/machine.js';
import { memoryUse } from './measure/process-tree.js';
import { checkAllRows, startServer, type RunningServer } from './measure/server.js';
import { benchFolder } from './measure/workload.js';
import { allOf, blipsOf, type Blip } from './soak/blips.js';
import { inspectorAddress, sampleHeld } from './soak/inspector.js';
import { subject, workload, type Outside } from './soak/subject.js';
import { judge, type Judgement, type Window } from './soak/verdict.js';

const USAGE = `usage: npx tsx bench/soak.ts [options]
  --minutes N    minutes that are judged, after one of warming up (10; fewer do not judge the heap)
  --rate R       requests a second (0.7 of what is measured first)
  --embedded     without Redis and PostgreSQL: memory cache, SQLite; only models change
  --json         print the result as JSON, and write bench/results/soak-<date>.json
Exit code: 0 when nothing grows and no answer is wrong, 1 else.`;

const LOAD_SHARE = 0.7;
const CONNECTIONS = 32;
const BLIP_SECONDS = 25;
const WARM_UP_SECONDS = 60;
const CALM_SECONDS = 30;
/** For connections to be given back, before what is held is counted. */
const QUIET_SECONDS = 4;
const IDLE_LIMIT_SECONDS = 120;
/** A minute in which the generator was later than this, or the service waited longer for a core, measures the machine's other programs. */
const LATE_US = 3000;
const WAITED_SHARE = 0.05;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string' },
    embedded: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

interface Soak {
  readonly machine: Machine;
  readonly server: RunningServer;
  /** The server's own. */
  readonly folder: string;
  readonly rate: number;
}

async function openOutside(): Promise<Outside> {
  const redis = await startOutside('redis');
  try {
    return { redis, postgres: await startOutside('postgres') };
  } catch (error) {
    await redis.remove();
    throw error;
  }
}

const load = ({ server, machine, rate }: Soak, durationSeconds: number): Promise<Measured> =>
  applyLoad(
    server,
    workload,
    { rate, connections: CONNECTIONS, durationSeconds, warmupSeconds: 0, relaxed: true },
    machine,
  );

async function capacityOf(server: RunningServer, machine: Machine): Promise<number> {
  const closed = { connections: CONNECTIONS, durationSeconds: 5, warmupSeconds: 3 };
  return (await applyLoad(server, workload, closed, machine)).rightRps;
}

/** Seconds in which the main thread could have run, and another program had the core. */
const waitedForCore = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e9;

/** Until no request is in flight and no event waits for delivery: what waits is held for a reason. @throws Error when that takes too long. */
async function untilIdle(port: number): Promise<void> {
  const waiting = /^inference_(in_flight|events_in_memory|events_journaled) [^0]/m;
  for (let left = IDLE_LIMIT_SECONDS; left > 0; left--) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })).text();
    if (!waiting.test(text)) return;
    await sleep(1000);
  }
  throw new Error(`the service is not idle ${IDLE_LIMIT_SECONDS} s after the load`);
}

/** One minute: load with a blip in it, load without, quiet, then what is held. */
async function minuteOf(soak: Soak, minute: number, blip: Blip): Promise<Window> {
  const seconds = minute === 0 ? WARM_UP_SECONDS : BLIP_SECONDS;
  const [disturbed] = await Promise.all([load(soak, seconds), sleep(3000).then(() => blip.run())]);
  const before = waitedForCore(soak.server.pid);
  const calm = await load(soak, CALM_SECONDS);
  const waited = waitedForCore(soak.server.pid) - before;
  await untilIdle(soak.server.port);
  await sleep(QUIET_SECONDS * 1000);
  const held = await sampleHeld(inspectorAddress(readFileSync(path.join(soak.folder, 'stderr'), 'utf8')));
  const both = (of: (run: Measured) => number) => of(disturbed) + of(calm);
  return {
    ...{ minute, blip: blip.name, ...held },
    rssMb: memoryUse(soak.server.pid).rssMb,
    files: readdirSync(`/proc/${soak.server.pid}/fd`).length,
    p99: calm.latency_us.ok.p99 / 1000,
    p99InBlip: disturbed.latency_us.ok.p99 / 1000,
    answered: both(({ counts }) => counts.answered),
    refused: both(({ latency_us: latency }) => latency.refused.count),
    wrong: both(({ counts }) => counts.wrong + counts.resets + counts.broken),
    missing: both(({ counts }) => counts.timeouts),
    missingInBlip: disturbed.counts.timeouts,
    trustworthy: calm.generator.lag_us.p99 < LATE_US && waited < CALM_SECONDS * WAITED_SHARE,
  };
}

async function soakFor(soak: Soak, minutes: number, blips: readonly Blip[]): Promise<Window[]> {
  const format = 'soak [{bar}] {value}/{total} min | heap {heap} MB, p99 {p99} ms | {what}';
  const bar = new SingleBar({ format, stream: process.stderr, noTTYOutput: true, notTTYSchedule: 60_000 });
  const windows: Window[] = [];
  bar.start(minutes, 0, { heap: '-', p99: '-', what: 'warming up' });
  try {
    await minuteOf(soak, 0, allOf(blips));
    for (let minute = 1; minute <= minutes; minute++) {
      const blip = blips[minute % blips.length] as Blip;
      bar.update({ what: blip.name });
      const window = await minuteOf(soak, minute, blip);
      windows.push(window);
      bar.update(minute, { heap: window.heapMb.toFixed(1), p99: window.p99.toFixed(1) });
    }
  } finally {
    bar.stop();
  }
  return windows;
}

async function run(outside: Outside | undefined, machine: Machine, minutes: number): Promise<[number, Window[]]> {
  const contender = subject(outside);
  if (contender.missing !== undefined) throw new Error(contender.missing);
  const server = await startServer(contender, ['breast_cancer'], machine, workload);
  try {
    await checkAllRows(server, workload);
    const rate = Math.round(Number(options.rate ?? LOAD_SHARE * (await capacityOf(server, machine))));
    console.error(`${rate} requests a second for ${minutes} minutes`);
    const folder = path.join(machine.scratch, `${contender.name}-${server.port}`);
    return [rate, await soakFor({ machine, server, folder, rate }, minutes, blipsOf(outside, folder))];
  } finally {
    await server.stop();
  }
}

function print(windows: readonly Window[], judgements: readonly Judgement[]): void {
  console.table(
    windows.map((window) => ({
      ...{ minute: window.minute, blip: window.blip },
      'heap MB': Number(window.heapMb.toFixed(2)),
      'RSS MB': Math.round(window.rssMb),
      handles: Object.values(window.handles).reduce((a, b) => a + b, 0),
      ...{ files: window.files, listeners: window.listeners },
      'p99 ms': Number(window.p99.toFixed(1)),
      'in blip': Number(window.p99InBlip.toFixed(1)),
      ...{ refused: window.refused, missing: window.missing, 'of it in blip': window.missingInBlip },
      'own core': window.trustworthy,
    })),
  );
  for (const { what, wanted, found, verdict, why } of judgements)
    console.log(`${verdict.padEnd(8)} ${what}: ${found} (wanted: ${wanted})${why === undefined ? '' : `; ${why}`}`);
}

async function main(): Promise<void> {
  if (options.help) return console.log(USAGE);
  const minutes = Number(options.minutes);
  if (!Number.isInteger(minutes) || minutes < 1) throw new Error(`--minutes must be a whole number\n${USAGE}`);
  const taken = conditions();
  const machine = openMachine();
  const outside = options.embedded ? undefined : await openOutside();
  try {
    const [rate, windows] = await run(outside, machine, minutes);
    const judgements = judge(windows);
    const result = JSON.stringify({ conditions: taken, rate, judgements, windows }, null, 1);
    if (options.json) {
      writeFileSync(path.join(benchFolder, 'results', `soak-${taken.date.replace(/[ :]/g, '-')}.json`), `${result}\n`);
      console.log(result);
    } else print(windows, judgements);
    if (judgements.some(({ verdict }) => verdict === 'NOT MET')) process.exitCode = 1;
  } finally {
    machine.close();
    await outside?.redis.remove();
    await outside?.postgres.remove();
  }
}

await main();
