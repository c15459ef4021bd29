import { readdirSync, readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { contenders } from './measure/contenders.js';
import { applyLoad } from './measure/load.js';
import { openMachine } from './measure/machine.js';
import { attribute, type CpuProfile } from './measure/profile-parts.js';
import { startServer } from './measure/server.js';
import { singleRows } from './measure/workload.js';
import { SATURATING_CONNECTIONS } from './scenarios/plan.js';

const USAGE = `usage: npx tsx bench/profile.ts [options]
Where the CPU time of a prediction goes: a closed loop of ${SATURATING_CONNECTIONS} connections under V8's sampling profiler.
  --contender NAME   ours-on, ours-off, ours-lane (ours-on)
  --duration S       seconds of load that are looked at, after as many of warm-up (8)
  --json             as JSON`;

const { values: options } = parseArgs({
  options: {
    contender: { type: 'string', default: 'ours-on' },
    duration: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function profile(folder: string): Promise<{ readonly microseconds: number; readonly rps: number }> {
  const contender = contenders.find(({ name }) => name === options.contender);
  if (contender === undefined) throw new Error(`no such contender: ${options.contender}\n${USAGE}`);
  process.env['BENCH_NODE_FLAGS'] = `--cpu-prof --cpu-prof-interval=200 --cpu-prof-dir=${folder}`;
  const machine = openMachine();
  try {
    const workload = singleRows('breast_cancer');
    const server = await startServer(contender, ['breast_cancer'], machine, workload);
    const durationSeconds = Number(options.duration);
    const load = { connections: SATURATING_CONNECTIONS, durationSeconds, warmupSeconds: 0.5 };
    await applyLoad(server, workload, load, machine);
    const measured = await applyLoad(server, workload, load, machine);
    await server.stop();
    return { microseconds: measured.cpuMicroseconds, rps: measured.rightRps };
  } finally {
    machine.close();
  }
}

/** The profile of the main thread is the largest. */
function readLargest(folder: string): CpuProfile {
  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const [largest] = texts.sort((a, b) => b.length - a.length);
  if (largest === undefined) throw new Error('the server left no profile');
  return JSON.parse(largest) as CpuProfile;
}

async function main(): Promise<void> {
  if (options.help) return console.log(USAGE);
  const folder = mkdtempSync(path.join(tmpdir(), 'inference-profile-'));
  try {
    const { microseconds, rps } = await profile(folder);
    const parts = attribute(readLargest(folder), Number(options.duration));
    const rows = parts.map(({ part, share }) => ({ part, share, microseconds: share * microseconds }));
    if (options.json) return console.log(JSON.stringify({ rps, microseconds, parts: rows }, null, 1));
    console.log(
      `${options.contender}: ${microseconds.toFixed(1)} µs of CPU a prediction under the profiler, ${Math.round(rps)}/s\n`,
    );
    console.log('| part | share | µs |\n| --- | --- | --- |');
    for (const row of rows)
      console.log(`| ${row.part} | ${(row.share * 100).toFixed(1)} % | ${row.microseconds.toFixed(1)} |`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
