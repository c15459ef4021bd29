import type { Conditions } from './measure/machine.js';
import type { Spread } from './measure/statistics.js';
import { goals } from './scenarios/goals.js';
import type { Plan } from './scenarios/plan.js';
import type { BenchReport } from './scenarios/report.js';

type Cell = string | number;

/** As Markdown: tables that can be pasted into a document. */
export function printReport(report: BenchReport, taken: Conditions, plan: Plan): void {
  const { date, cpu, cores, kernel, node, commit, loadBefore } = taken;
  console.log(`\n${date} UTC, ${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}, commit ${commit}`);
  console.log(`${plan.rounds} rounds of ${plan.durationSeconds} s, interleaved; load before the start: ${loadBefore}`);
  console.log('A star marks figures taken while something else used the generator’s core.');
  printSaturation(report);
  printOpenLoop(report);
  printBatch(report);
  printOverload(report);
  printIsolation(report);
  printExplanations(report);
  table('Goals', ['goal', 'wanted', 'measured', ''], goals(report));
}

function printSaturation({ saturation }: BenchReport): void {
  const header = [
    'server',
    'of the echo',
    'CPU, echo ÷ own',
    'requests/s',
    'CPU µs/request',
    'answer B',
    'refused',
    'start s',
    'idle PSS MB',
    'after load',
  ];
  const rows = saturation.map((one) => [
    marked(one.name, one.untrustworthyRuns),
    range(one.ofEcho, 2),
    range(one.cpuOfEcho, 2),
    range(one.rps, 0),
    range(one.cpuMicroseconds, 1),
    one.bodyBytes.toFixed(0),
    one.refusedShare.toFixed(4),
    one.startSeconds.toFixed(2),
    one.idlePssMb.toFixed(0),
    one.loadedPssMb.toFixed(0),
  ]);
  table('Saturation: closed loop, 32 connections, one row a request', header, rows);
}

function printOpenLoop({ open }: BenchReport): void {
  const header = [
    'server',
    'rate/s',
    'p50 of echo',
    'p99 of echo',
    'p50 µs',
    'p90',
    'p95',
    'p99',
    'p99.9',
    'max',
    'refused',
    'CPU µs/request',
  ];
  const rows = open.map(({ latency, ...one }) => [
    marked(one.name, one.untrustworthyRuns),
    one.rate,
    one.p50OfEcho.toFixed(2),
    one.p99OfEcho.toFixed(2),
    ...[latency.p50, latency.p90, latency.p95, latency.p99, latency.p999, latency.max].map((us) => us.toFixed(0)),
    one.refusedShare.toFixed(4),
    range(one.cpuMicroseconds, 1),
  ]);
  table('Open loop: Poisson arrivals, latency from when a request was due', header, rows);
}

function printBatch({ batch }: BenchReport): void {
  const rows = batch.map((one) => [
    marked(one.name, one.untrustworthyRuns),
    range(one.rowsPerSecond, 0),
    one.ofSingle.toFixed(2),
    one.refusedShare.toFixed(4),
  ]);
  table(
    'Batch: 256 rows a request, closed loop, 4 connections',
    ['server', 'rows/s', 'of its single calls', 'refused'],
    rows,
  );
}

function printOverload({ overload }: BenchReport): void {
  const header = [
    'server',
    'capacity/s',
    'offered',
    'good answers',
    'refusals leave',
    'answer CPU µs',
    'refusal CPU µs',
    'refused',
    'missing',
    '2xx p50 ms',
    '2xx p99 ms',
    'refusal p50 ms',
    'refusal p99 ms',
  ];
  const rows = overload.map((one) => [
    marked(one.name, one.untrustworthyRuns),
    one.capacity.toFixed(0),
    `${one.factor}x`,
    one.goodput.toFixed(2),
    known(one.leftByRefusals, 2),
    one.answerMicroseconds.toFixed(0),
    known(one.refusalMicroseconds, 0),
    one.refusedShare.toFixed(2),
    one.missingShare.toFixed(2),
    ...[one.latencyOk.p50, one.latencyOk.p99, one.latencyRefused.p50, one.latencyRefused.p99].map((us) =>
      (us / 1000).toFixed(1),
    ),
  ]);
  table('Overload: a model of about 1 ms; good answers within 100 ms of the due time, over the capacity', header, rows);
}

function printIsolation({ isolation }: BenchReport): void {
  const rows = isolation.map((one) => [
    marked(one.name, one.untrustworthyRuns),
    ...[one.alone.p50, one.beside.p50, one.alone.p99, one.beside.p99].map((us) => (us / 1000).toFixed(2)),
    one.slowRps.toFixed(1),
  ]);
  const header = ['server', 'p50 alone ms', 'p50 beside', 'p99 alone', 'p99 beside', 'large model/s'];
  table('Isolation: a model of 50 µs (200/s) beside one of 50 ms that always computes, one core', header, rows);
}

function printExplanations({ explanations }: BenchReport): void {
  const rows = explanations.map((one) => [
    marked(one.name, one.untrustworthyRuns),
    range(one.ofPlain, 3),
    range(one.cpuOfPlain, 3),
  ]);
  const header = ['server', 'requests/s, of ours-on', 'CPU, ours-on ÷ own'];
  table('Explanations: the same model with background.csv, predictions without explanation', header, rows);
}

const known = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : '-');

function table(title: string, header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  if (rows.length === 0) return;
  const lines = [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  console.log(`\n${title}\n\n${lines.join('\n')}`);
}

const marked = (name: string, untrustworthyRuns: number): string => (untrustworthyRuns > 0 ? `${name} *` : name);

const range = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
