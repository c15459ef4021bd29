/**
 * Fails when the service has become much slower than it was: one short interleaved run, only ratios, compared with
 * bench/baselines.json. Under a minute and a half, without retries of single runs.
 *
 *     npx tsx bench/guard.ts            (after `npm run build`)
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { contenders } from './measure/contenders.js';
import { openMachine } from './measure/machine.js';
import { checkAllRows, startServer, type RunningServer } from './measure/server.js';
import { benchFolder, singleRows } from './measure/workload.js';
import type { Plan } from './scenarios/plan.js';
import type { SaturationResult } from './scenarios/report.js';
import { measureSaturation } from './scenarios/saturation.js';

/** Fails under this share of the baseline. Wide, because cores of CI machines are shared. */
const SLACK = 0.6;
const GUARDED = ['node-echo', 'ours-on', 'ours-off'];

const baselines = JSON.parse(readFileSync(path.join(benchFolder, 'baselines.json'), 'utf8')) as Record<string, number>;

async function measure(): Promise<SaturationResult[]> {
  const machine = openMachine();
  const plan: Plan = {
    machine,
    contenders: contenders.filter(({ name }) => GUARDED.includes(name)),
    rounds: 4,
    durationSeconds: 2.5,
    warmupSeconds: 3,
    tries: 1,
    say: (text) => console.error(text),
  };
  const servers: RunningServer[] = [];
  try {
    for (const contender of plan.contenders) {
      const server = await startServer(contender, ['breast_cancer'], machine, singleRows('breast_cancer'));
      servers.push(server);
      await checkAllRows(server, singleRows('breast_cancer'));
    }
    return await measureSaturation(plan, servers);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    machine.close();
  }
}

/**
 * The better of two ratios: requests a second, and CPU a request. The first suffers when another program takes the server's core in one
 * run and not in the other, the second when time is spent waiting rather than computing; a real regression shows in both, or makes
 * the first collapse, which the second half of the slack catches.
 */
function ratiosOf(results: readonly SaturationResult[], pair: string): { rps: number; cpu: number } {
  const [own, other] = pair.split(' / ').map((name) => results.find((result) => result.name === name));
  if (own === undefined || other === undefined) throw new Error(`baselines.json: not measured: ${pair}`);
  return {
    rps: own.rps.median / other.rps.median,
    cpu: other.cpuMicroseconds.median / own.cpuMicroseconds.median,
  };
}

function judge(results: readonly SaturationResult[]): boolean {
  let passes = true;
  for (const [pair, baseline] of Object.entries(baselines)) {
    const { rps, cpu } = ratiosOf(results, pair);
    const right = Math.max(rps, cpu) >= baseline * SLACK && rps >= (baseline * SLACK) / 2;
    passes &&= right;
    const limits = `baseline ${baseline}, fails under ${(baseline * SLACK).toFixed(2)}`;
    console.log(`${right ? 'ok  ' : 'FAIL'} ${pair}: requests/s ${rps.toFixed(2)}, CPU ${cpu.toFixed(2)} (${limits})`);
  }
  return passes;
}

const results = await measure();
for (const { name, rps, cpuMicroseconds } of results)
  console.log(
    `     ${name}: ${rps.median.toFixed(0)} requests/s, ${cpuMicroseconds.median.toFixed(1)} µs CPU a request`,
  );
if (!judge(results)) {
  console.error(
    'The service is slower than bench/baselines.json allows. If that is meant, measure with bench/run.ts and lower it.',
  );
  process.exitCode = 1;
}
