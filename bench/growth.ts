import { cpSync, renameSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { contenders } from './measure/contenders.js';
import { applyLoad, checkNoneWrong } from './measure/load.js';
import { openMachine, type Machine } from './measure/machine.js';
import { memoryUse } from './measure/process-tree.js';
import { startServer, type RunningServer } from './measure/server.js';
import { modelsFolder, singleRows } from './measure/workload.js';
import { SATURATING_CONNECTIONS } from './scenarios/plan.js';

const USAGE = `usage: npx tsx bench/growth.ts [options]
Whether memory grows: with predictions, then with hot swaps of a model's version. Everything is on.
  --predictions N   (2000000)
  --swaps N         (200)
  --contender NAME  ours-on, ours-lane (ours-on)
Fails when the resident memory of the last tenth is more than a tenth above that of the second tenth.`;

const { values: options } = parseArgs({
  options: {
    predictions: { type: 'string', default: '2000000' },
    swaps: { type: 'string', default: '200' },
    contender: { type: 'string', default: 'ours-on' },
    help: { type: 'boolean', default: false },
  },
});

const model = 'breast_cancer';
const pollMs = 50;
const samples = 20;
const runSeconds = 5;
const most = 1.1;

interface Sample {
  readonly done: number;
  readonly rssMb: number;
}

async function predictions(server: RunningServer, machine: Machine, total: number): Promise<Sample[]> {
  const taken: Sample[] = [];
  const bar = progress('predictions', total);
  const load = { connections: SATURATING_CONNECTIONS, durationSeconds: runSeconds, warmupSeconds: 0 };
  for (let done = 0; done < total;) {
    const measured = await applyLoad(server, singleRows(model), load, machine);
    checkNoneWrong(server, measured);
    done += measured.counts.answered_in_all;
    bar.update(Math.min(done, total));
    if (done >= ((taken.length + 1) * total) / samples) taken.push({ done, rssMb: memoryUse(server.pid).rssMb });
  }
  bar.stop();
  return taken;
}

/** Each swap is a new version that takes over and the old one going. */
async function swaps(server: RunningServer, folder: string, total: number): Promise<Sample[]> {
  const taken: Sample[] = [];
  const bar = progress('hot swaps', total);
  for (let done = 1; done <= total; done++) {
    const arriving = path.join(folder, `.arriving-${done}`);
    cpSync(path.join(modelsFolder, model, '1'), arriving, { recursive: true });
    renameSync(arriving, path.join(folder, String(done + 1)));
    await until(async () =>
      (await versions(server)).some(({ version, state }) => version === String(done + 1) && state === 'ready'),
    );
    rmSync(path.join(folder, String(done)), { recursive: true });
    await until(async () => (await versions(server)).every(({ version }) => version !== String(done)));
    bar.update(done);
    if (done % Math.max(1, Math.round(total / samples)) === 0) taken.push({ done, rssMb: memoryUse(server.pid).rssMb });
  }
  bar.stop();
  return taken;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('a swap took more than 30 s');
    await sleep(pollMs);
  }
}

function versions(server: RunningServer): Promise<readonly { readonly version: string; readonly state: string }[]> {
  const headers = Object.fromEntries(server.headers.map((header) => header.split(': ') as [string, string]));
  return new Promise((resolve, reject) => {
    request({ port: server.port, host: '127.0.0.1', path: `/v1/models/${model}`, headers }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      reply.on('end', () => resolve((JSON.parse(text) as { versions: [] }).versions));
    })
      .on('error', reject)
      .end();
  });
}

function progress(what: string, total: number): SingleBar {
  const bar = new SingleBar(
    { format: `${what} {bar} {value}/{total}`, stream: process.stderr },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return bar;
}

/** Prints the samples; whether there is growth beyond what the first tenth, in which caches and compilers fill, explains. */
function judge(what: string, taken: readonly Sample[]): boolean {
  for (const { done, rssMb } of taken) console.log(`${what}: after ${done}: ${rssMb.toFixed(1)} MB`);
  const tenth = Math.max(1, Math.floor(taken.length / 10));
  const mean = (part: readonly Sample[]): number => part.reduce((sum, { rssMb }) => sum + rssMb, 0) / part.length;
  const ratio = mean(taken.slice(-tenth)) / mean(taken.slice(tenth, 2 * tenth));
  console.log(`${what}: last tenth ÷ second tenth = ${ratio.toFixed(3)} (at most ${most})\n`);
  return ratio <= most;
}

async function main(): Promise<void> {
  if (options.help) return console.log(USAGE);
  const contender = contenders.find(({ name }) => name === options.contender);
  if (contender === undefined) throw new Error(`no such contender: ${options.contender}\n${USAGE}`);
  process.env['INFERENCE_SERVICE__MODELS__POLL_INTERVAL_MS'] = String(pollMs);
  const machine = openMachine();
  try {
    const server = await startServer(contender, [model], machine, singleRows(model));
    const folder = path.join(machine.scratch, `${contender.name}-${server.port}`, 'models', model);
    const steady = judge('predictions', await predictions(server, machine, Number(options.predictions)));
    const swapped = judge('swaps', await swaps(server, folder, Number(options.swaps)));
    await server.stop();
    if (!steady || !swapped) process.exitCode = 1;
  } finally {
    machine.close();
  }
}

await main();
