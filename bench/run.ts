/** Measures this service beside its rivals and prints the figures as ratios to a bare echo. See bench/README.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { contenders as allContenders, type Contender } from './measure/contenders.js';
import { conditions, openMachine, type Conditions } from './measure/machine.js';
import { checkAllRows, startServer, type RunningServer } from './measure/server.js';
import { benchFolder, singleRows } from './measure/workload.js';
import { measureBatch } from './scenarios/batch.js';
import { measureExplanations } from './scenarios/explanations.js';
import { measureIsolation } from './scenarios/isolation.js';
import { measureOpenLoop } from './scenarios/open-loop.js';
import { measureOverload } from './scenarios/overload.js';
import type { Plan } from './scenarios/plan.js';
import type { BenchReport } from './scenarios/report.js';
import { measureSaturation } from './scenarios/saturation.js';
import { printReport } from './print-report.js';

const USAGE = `usage: npx tsx bench/run.ts [options]
  --quick               short rounds: to see that it works, not for figures to publish
  --only NAME,…         of node-echo, ours-on, ours-off, ours-lane, fastify-ort, fastapi-ort (node-echo is always measured)
  --parts NAME,…        of saturation, open, batch, overload, isolation, explanations
  --rounds N            interleaved rounds (15; quick: 3); overload: a third of them
  --duration S          seconds of one run (3; quick: 2)
  --json                also write bench/results/<date>.json`;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    parts: { type: 'string', default: 'saturation,open,batch,overload,isolation,explanations' },
    rounds: { type: 'string' },
    duration: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const say = (text: string): void => console.error(text);

function choose(only: string | undefined): Contender[] {
  const wanted = only?.split(',') ?? allContenders.map(({ name }) => name);
  const unknown = wanted.filter((name) => allContenders.every((contender) => contender.name !== name));
  if (unknown.length > 0) throw new Error(`no such contender: ${unknown.join(', ')}\n${USAGE}`);
  const chosen = allContenders.filter(({ name }) => name === 'node-echo' || wanted.includes(name));
  for (const { name, missing } of chosen) if (missing !== undefined) say(`left out: ${name}: ${missing}`);
  return chosen.filter(({ missing }) => missing === undefined);
}

async function startAll(plan: Plan): Promise<RunningServer[]> {
  const servers: RunningServer[] = [];
  for (const contender of plan.contenders) {
    const server = await startServer(contender, ['breast_cancer'], plan.machine, singleRows('breast_cancer'));
    servers.push(server);
    await checkAllRows(server, singleRows('breast_cancer'));
    say(`${contender.name}: first right answer after ${server.startSeconds.toFixed(2)} s, all rows right`);
  }
  return servers;
}

/** What needs all servers at once, each serving the same model. */
async function measureTogether(plan: Plan, parts: ReadonlySet<string>, report: BenchReport): Promise<void> {
  const servers = await startAll(plan);
  try {
    report.saturation = await measureSaturation(plan, servers);
    const rps = (server: RunningServer): number =>
      report.saturation.find(({ name }) => name === server.contender.name)?.rps.median ?? 0;
    if (parts.has('open'))
      for (const rate of [1000, 5000]) report.open.push(...(await measureOpenLoop(plan, servers, rate, rps)));
    if (parts.has('batch')) report.batch = await measureBatch(plan, servers, rps);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function measureParts(plan: Plan, parts: ReadonlySet<string>, report: BenchReport): Promise<void> {
  if (['saturation', 'open', 'batch'].some((part) => parts.has(part))) await measureTogether(plan, parts, report);
  if (parts.has('overload')) report.overload = await measureOverload(plan);
  if (parts.has('isolation')) report.isolation = await measureIsolation(plan);
  if (parts.has('explanations')) report.explanations = await measureExplanations(plan);
}

async function main(): Promise<void> {
  if (options.help) return console.log(USAGE);
  const parts = new Set(options.parts.split(','));
  const machine = openMachine();
  const [rounds, duration] = options.quick ? [3, 2] : [15, 3];
  const plan: Plan = {
    machine,
    contenders: choose(options.only),
    rounds: Number(options.rounds ?? rounds),
    durationSeconds: Number(options.duration ?? duration),
    warmupSeconds: options.quick ? 2 : 5,
    tries: options.quick ? 1 : 3,
    say,
  };
  const taken = conditions();
  const report: BenchReport = { saturation: [], open: [], batch: [], overload: [], isolation: [], explanations: [] };
  try {
    await measureParts(plan, parts, report);
  } catch (error) {
    say('a part failed; what was measured before it follows');
    process.exitCode = 1;
    console.error(error);
  } finally {
    machine.close();
  }
  printReport(report, taken, plan);
  if (options.json) writeJson({ conditions: taken, ...report });
}

function writeJson(content: BenchReport & { readonly conditions: Conditions }): void {
  const folder = path.join(benchFolder, 'results');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${content.conditions.date.replace(/[ :]/g, '-')}.json`);
  writeFileSync(file, JSON.stringify(content, null, 1) + '\n');
  say(`written: ${path.relative(process.cwd(), file)}`);
}

await main();
