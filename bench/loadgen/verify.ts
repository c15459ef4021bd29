/**
 * Proves the load generator against the floor server, whose answers are free and whose delays are known.
 *
 *     npx tsx bench/loadgen/verify.ts
 *
 * Runs in which the generator was hindered are discarded and taken again. Exit code 1 when a check fails.
 */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadReport } from '../measure/load.js';
import { conditions, openMachine, placed } from '../measure/machine.js';
import { benchFolder, singleRows, writeWorkload } from '../measure/workload.js';

const RATES = [1000, 5000, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 80_000, 100_000, 120_000];
const TRIES = 5;
const PORT = 18_431;

const machine = openMachine();
const workload = singleRows('breast_cancer');
const files = writeWorkload(workload, machine.scratch);
let failures = 0;

function check(what: string, right: boolean, detail: string): void {
  if (!right) failures += 1;
  console.log(`${right ? 'ok  ' : 'FAIL'} ${what}: ${detail}`);
}

const binary = (name: string): string => path.join(benchFolder, '.build', name);

async function withFloor(flags: readonly string[], use: () => void): Promise<void> {
  const command = placed(machine.serverCore, [binary('floor'), String(PORT), ...flags]) as [string, ...string[]];
  const floor = spawn(command[0], command.slice(1), { stdio: 'inherit' });
  const ended = new Promise<void>((resolve) => floor.once('exit', () => resolve()));
  try {
    await sleep(200);
    if (floor.exitCode !== null || floor.signalCode !== null)
      throw new Error(`the floor server ended: exit code ${floor.exitCode}, signal ${floor.signalCode}`);
    use();
  } finally {
    floor.kill();
    await ended;
  }
}

function load(...flags: string[]): LoadReport {
  const fixed = ['--port', String(PORT), '--bodies', files.bodies, '--warmup', '0.5'];
  const command = placed(machine.loadCore, [binary('loadgen'), ...fixed, ...flags]) as [string, ...string[]];
  const report = JSON.parse(execFileSync(command[0], command.slice(1), { encoding: 'utf8' })) as LoadReport;
  const { due, answered, timeouts, resets, broken } = report.counts;
  const lost = due - answered - timeouts - resets - broken;
  if (!flags.includes('--closed') && lost !== 0)
    check('every request due is accounted for', false, `${lost} of ${due} are not`);
  return report;
}

/** The first run in which the generator was not hindered; else the last. */
function undisturbed(...flags: string[]): LoadReport {
  for (let count = 1; ; count++) {
    const report = load(...flags);
    if (report.generator.trustworthy || count === TRIES) return report;
  }
}

/** The highest rate at which at least 99 % of what was due went out, and the generator kept time. */
function proveRates(): void {
  let proven = 0;
  for (const rate of RATES) {
    const {
      counts,
      latency_us: latency,
      generator,
    } = undisturbed('--rate', String(rate), '--duration', '2', '--connections', '64');
    const right = counts.sent >= counts.due * 0.99 && generator.trustworthy;
    if (right) proven = rate;
    const { p50, p99, p999 } = latency.ok;
    const busy = (generator.busy * 100).toFixed(0);
    console.log(
      `     ${rate}/s: sent ${((counts.sent / counts.due) * 100).toFixed(2)} %, p50 ${p50}, p99 ${p99}, p99.9 ${p999} µs, generator busy ${busy} %, ` +
        `late by p99 ${generator.lag_us.p99} µs${right ? '' : ' (discarded)'}`,
    );
    if (!right) break;
  }
  check('rate', proven >= 20_000, `proven up to ${proven} a second on this machine now`);
}

/** A server that stands still 100 ms in each second: an honest p95 is 50 ms, p99 is 90 ms. */
function proveNoOmission(): void {
  const open = undisturbed('--rate', '2000', '--duration', '6', '--connections', '64').latency_us.ok;
  const near = (got: number, want: number): boolean => Math.abs(got - want) <= want * 0.2;
  check('stalls, p95', near(open.p95, 50_000), `${open.p95} µs, expected 50000`);
  check('stalls, p99', near(open.p99, 90_000), `${open.p99} µs, expected 90000`);
  const closed = load('--closed', '--duration', '3', '--connections', '1').latency_us.ok;
  console.log(`     a closed loop sees p99 ${closed.p99} µs of the same server`);
}

/**
 * Poisson arrivals at a server of constant service time S and utilisation r wait at most t with probability (1 - r) exp(r t / S), for t up to
 * S: at r = 0.6 half of them wait at most S ln(1.25) / 0.6, where evenly spaced ones would not wait at all. The server cannot say
 * when another program took its core, so the lowest of several tries stands: nothing makes a wait too short.
 */
function provePoisson(): void {
  const serviceUs = 1e6 / Math.max(...repeat(() => undisturbed('--closed', '--duration', '1').answered_rps));
  const medianAt = (rate: number): number =>
    Math.min(...repeat(() => load('--rate', String(rate), '--duration', '2', '--connections', '64').latency_us.ok.p50));
  const waiting = medianAt(0.6e6 / serviceUs) - medianAt(200);
  const expected = (serviceUs * Math.log(1.25)) / 0.6;
  const detail = `${waiting.toFixed(0)} µs, by queueing theory ${expected.toFixed(0)}`;
  check('median wait at 60 % utilisation', Math.abs(waiting - expected) <= expected * 0.3, detail);
}

const repeat = (measure: () => number): number[] => Array.from({ length: TRIES }, measure);

function proveRefusals(): void {
  const { refused, ok } = load('--rate', '2000', '--duration', '1').latency_us;
  const share = refused.count / (refused.count + ok.count);
  check('refusals', Math.abs(share - 0.25) < 0.01, `${(share * 100).toFixed(1)} % counted apart, expected 25`);
}

/** The floor always says 0.5: one body in eight expects something else. */
function proveWrongAnswers(): void {
  const file = path.join(machine.scratch, 'some-wrong');
  writeFileSync(file, workload.bodies.map((_, index) => (index % 8 === 0 ? '0.4' : '0.5')).join('\n') + '\n');
  const { counts } = load('--rate', '2000', '--duration', '1', '--expect', file);
  const wrong = counts.wrong / counts.answered;
  check('wrong answers', Math.abs(wrong - 0.125) < 0.01, `${(wrong * 100).toFixed(1)} %, expected 12.5`);
}

/** Four times what the server can do: what is not answered within the timeout must be counted, and nothing is good for long. */
function proveOverload(): void {
  const { counts } = load('--rate', '2000', '--duration', '3', '--connections', '256');
  const lost = counts.timeouts / counts.due;
  check(
    'overload',
    lost > 0.5,
    `${(lost * 100).toFixed(0)} % counted as missing, good within 100 ms: ${counts.good} of ${counts.due}`,
  );
}

const { date, cpu, node, loadBefore } = conditions();
console.log(`${date} UTC, ${cpu}, Node ${node}, load before the start ${loadBefore}`);
try {
  await withFloor([], proveRates);
  await withFloor([], proveWrongAnswers);
  await withFloor(['--stall-ms', '100', '--every-ms', '1000'], proveNoOmission);
  await withFloor(['--service-us', '200'], provePoisson);
  await withFloor(['--refuse-one-in', '4'], proveRefusals);
  await withFloor(['--service-us', '2000'], proveOverload);
} finally {
  machine.close();
}
process.exitCode = failures > 0 ? 1 : 0;
