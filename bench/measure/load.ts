import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { placed, type Machine } from './machine.js';
import { processUse } from './process-tree.js';
import type { RunningServer } from './server.js';
import type { Histogram, Percentiles } from './statistics.js';
import { benchFolder, TOLERANCE, writeWorkload, type Workload } from './workload.js';

export interface Load {
  /** Requests a second; left out: closed loop. */
  readonly rate?: number;
  readonly connections: number;
  readonly durationSeconds: number;
  readonly warmupSeconds: number;
  readonly seed?: number;
  /** Sleeps between events: for load in the background. */
  readonly relaxed?: boolean;
  /** How often to measure at most when the generator says of itself that it was hindered (1). */
  readonly tries?: number;
}

type Latencies = Percentiles & { readonly mean: number; readonly histogram: Histogram };

/** What the load generator prints. */
export interface LoadReport {
  readonly due_rps: number;
  readonly sent_rps: number;
  readonly answered_rps: number;
  readonly good_rps: number;
  readonly body_bytes: number;
  readonly counts: Readonly<
    Record<
      'due' | 'sent' | 'answered' | 'answered_in_all' | 'good' | 'late' | 'wrong' | 'timeouts' | 'resets' | 'broken',
      number
    >
  >;
  readonly status: Readonly<Record<string, number>>;
  readonly latency_us: { readonly all: Latencies; readonly ok: Latencies; readonly refused: Latencies };
  readonly generator: {
    readonly busy: number;
    readonly cpu_share: number;
    /** Had its core to itself, time to spare, and turned to each request when it was due. */
    readonly trustworthy: boolean;
    readonly lag_us: Percentiles;
  };
}

export interface Measured extends LoadReport {
  /** CPU of the server, all threads and children, for one answer. */
  readonly cpuMicroseconds: number;
  /** Right answers a second, refusals left out. */
  readonly rightRps: number;
}

const run = promisify(execFile);
const generator = path.join(benchFolder, '.build', 'loadgen');

/** Runs the load generator against a server. Never throws for what the server answers. The last try stands as it is. */
export async function applyLoad(...request: Parameters<typeof applyOnce>): Promise<Measured> {
  const tries = request[2].tries ?? 1;
  for (let count = 1; ; count++) {
    const measured = await applyOnce(...request);
    if (measured.generator.trustworthy || count >= tries) return measured;
  }
}

async function applyOnce(server: RunningServer, workload: Workload, load: Load, machine: Machine): Promise<Measured> {
  const files = writeWorkload(workload, machine.scratch);
  const expect = server.contender.predicts ? ['--expect', files.expected, '--tolerance', String(TOLERANCE)] : [];
  const options = {
    '--port': server.port,
    '--path': workload.path,
    '--bodies': files.bodies,
    '--connections': load.connections,
    '--duration': load.durationSeconds,
    '--warmup': load.warmupSeconds,
    '--seed': load.seed ?? 1,
  };
  const kind = load.rate === undefined ? ['--closed'] : ['--rate', String(load.rate)];
  const flags = [...kind, '--histograms', ...(load.relaxed === true ? ['--relaxed'] : []), ...expect];
  const [program, ...rest] = placed(machine.loadCore, [
    generator,
    ...Object.entries(options).flatMap(([name, value]) => [name, String(value)]),
    ...flags,
    ...server.headers.flatMap((header) => ['--header', header]),
  ]) as [string, ...string[]];
  server.checkAlive();
  const before = processUse(server.pid).cpuSeconds;
  const { stdout } = await run(program, rest, { maxBuffer: 64 * 1024 * 1024 });
  server.checkAlive();
  const used = processUse(server.pid).cpuSeconds - before;
  const report = JSON.parse(stdout) as LoadReport;
  const rightRps = (report.counts.good + report.counts.late) / load.durationSeconds;
  return { ...report, rightRps, cpuMicroseconds: (used / report.counts.answered_in_all) * 1e6 };
}

/** No answer wrong and none missing: without that a measurement of speed says nothing. Refusals (429, 503) are counted. @throws Error */
export function checkNoneWrong(server: RunningServer, report: LoadReport): void {
  const { counts, latency_us: latency } = report;
  const faults = counts.wrong + counts.timeouts + counts.resets + counts.broken;
  if (faults > 0 || latency.ok.count + latency.refused.count !== counts.answered) throw fault(server, report);
}

/** The share of answers that were refusals, over several runs. */
export function refusedShare(runs: readonly LoadReport[]): number {
  const sum = (count: (run: LoadReport) => number): number => runs.reduce((total, run) => total + count(run), 0);
  return sum((run) => run.latency_us.refused.count) / sum((run) => run.counts.answered);
}

const fault = (server: RunningServer, { counts, status }: LoadReport): Error =>
  new Error(`${server.contender.name}: not all answers right: ${JSON.stringify({ counts, status })}`);
