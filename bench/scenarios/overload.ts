import { setTimeout } from 'node:timers/promises';
import type { Contender } from '../measure/contenders.js';
import { applyLoad, type Load, type Measured } from '../measure/load.js';
import { checkAllRows, startServer, type RunningServer } from '../measure/server.js';
import { median, mergedPercentiles, type Percentiles } from '../measure/statistics.js';
import { singleRows } from '../measure/workload.js';
import { SATURATING_CONNECTIONS, SHORT_WARMUP_SECONDS, type Plan } from './plan.js';
import type { OverloadResult } from './report.js';

const MODEL = 'about_one_ms';
const FACTORS = [2, 3, 10];
/** Callers do not wait for each other: there must be connections enough for a queue to build up in the server. */
const CONNECTIONS = 512;
/** A server without limits still computes for callers who have left. */
const SETTLE_MS = 2000;

interface Round {
  readonly factor: number;
  readonly capacity: Measured;
  readonly measured: Measured;
}

/** More than the server can do, for a model of about 1 ms: how much of its capacity is left as answers in time? */
export async function measureOverload(plan: Plan): Promise<OverloadResult[]> {
  const results: OverloadResult[] = [];
  for (const contender of plan.contenders.filter(({ predicts }) => predicts))
    results.push(...(await overloadOne(plan, contender)));
  return results;
}

async function overloadOne(plan: Plan, contender: Contender): Promise<OverloadResult[]> {
  const workload = singleRows(MODEL);
  const server = await startServer(contender, [MODEL], plan.machine, workload);
  try {
    await checkAllRows(server, workload);
    await capacityOf(plan, server, { ...closedLoop(plan), durationSeconds: plan.warmupSeconds, tries: 1 });
    const rounds: Round[] = [];
    for (let round = 0; round < Math.ceil(plan.rounds / 3); round++) rounds.push(...(await oneRound(plan, server)));
    return FACTORS.map((factor) =>
      resultOf(
        contender,
        factor,
        rounds.filter((round) => round.factor === factor),
      ),
    );
  } finally {
    await server.stop();
  }
}

/** The capacity, and what is offered on top of it right behind: what the machine does meanwhile hits both. */
async function oneRound(plan: Plan, server: RunningServer): Promise<Round[]> {
  const capacity = await capacityOf(plan, server, closedLoop(plan));
  const rounds: Round[] = [];
  for (const factor of FACTORS) {
    const measured = await overload(plan, server, capacity.rightRps * factor);
    const share = (measured.good_rps / capacity.rightRps).toFixed(2);
    plan.say(`overload x${factor}: ${server.contender.name} ${share} of its capacity`);
    rounds.push({ factor, capacity, measured });
    await setTimeout(SETTLE_MS);
  }
  return rounds;
}

const closedLoop = (plan: Plan): Load => ({
  connections: SATURATING_CONNECTIONS,
  durationSeconds: plan.durationSeconds,
  warmupSeconds: SHORT_WARMUP_SECONDS,
  tries: plan.tries,
});

async function capacityOf(plan: Plan, server: RunningServer, load: Load): Promise<Measured> {
  const measured = await applyLoad(server, singleRows(MODEL), load, plan.machine);
  // A server without limits may leave some unanswered here already: that is its capacity, and no reason to stop.
  if (measured.counts.wrong > 0) throw new Error(`${server.contender.name}: wrong answers at its capacity`);
  return measured;
}

function overload(plan: Plan, server: RunningServer, rate: number): Promise<Measured> {
  const load = {
    rate,
    connections: CONNECTIONS,
    durationSeconds: plan.durationSeconds,
    warmupSeconds: 1,
    tries: plan.tries,
  };
  return applyLoad(server, singleRows(MODEL), load, plan.machine);
}

function resultOf(contender: Contender, factor: number, rounds: readonly Round[]): OverloadResult {
  const over = (value: (round: Round) => number): number => median(rounds.map(value));
  const merged = (kind: 'ok' | 'refused'): Percentiles =>
    mergedPercentiles(rounds.map(({ measured }) => measured.latency_us[kind].histogram));
  return {
    name: contender.name,
    capacity: over(({ capacity }) => capacity.rightRps),
    factor,
    goodput: over(({ capacity, measured }) => measured.good_rps / capacity.rightRps),
    refusedShare: over(({ measured: { counts, latency_us: latency } }) => latency.refused.count / counts.due),
    missingShare: over(({ measured: { counts } }) => (counts.timeouts + counts.resets + counts.broken) / counts.due),
    answerMicroseconds: over(answerMicroseconds),
    refusalMicroseconds: over(refusalMicroseconds),
    leftByRefusals: over(leftByRefusals),
    latencyOk: merged('ok'),
    latencyRefused: merged('refused'),
    untrustworthyRuns: rounds.filter(({ measured }) => !measured.generator.trustworthy).length,
  };
}

/** CPU of an answer at the capacity. Callers who try again at once may be refused there too: that is in it. */
function answerMicroseconds({ capacity: { cpuMicroseconds, latency_us: latency } }: Round): number {
  return (cpuMicroseconds * (latency.ok.count + latency.refused.count)) / latency.ok.count;
}

/** CPU of a refusal: what answers did not take. NaN where nothing was refused. */
function refusalMicroseconds(round: Round): number {
  const { latency_us: latency, cpuMicroseconds } = round.measured;
  const { ok, refused } = latency;
  return (cpuMicroseconds * (ok.count + refused.count) - answerMicroseconds(round) * ok.count) / refused.count;
}

/**
 * The share of the capacity that is left when all that is too much is refused: (1 - kR/S) / (1 - R/S), with k times the capacity offered, an
 * answer at the cost of S and a refusal at that of R. From 0 to 1, also where a longer queue makes answers so cheap that R comes out below 0.
 */
function leftByRefusals(round: Round): number {
  const cost = refusalMicroseconds(round) / answerMicroseconds(round);
  return Math.min(1, Math.max(0, (1 - round.factor * cost) / (1 - cost)));
}
