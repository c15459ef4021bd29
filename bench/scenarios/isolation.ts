import type { Contender } from '../measure/contenders.js';
import { applyLoad, checkNoneWrong, type Measured } from '../measure/load.js';
import { checkAllRows, startServer, type RunningServer } from '../measure/server.js';
import { mergedPercentiles } from '../measure/statistics.js';
import { singleRows } from '../measure/workload.js';
import { SHORT_WARMUP_SECONDS, type Plan } from './plan.js';
import type { IsolationResult } from './report.js';

const SMALL = 'fast_fifty_us';
const LARGE = 'slow_fifty_ms';
const RATE = 200;

/** A model of 50 µs, alone and beside one of 50 ms that is always computing, in one process and on one core. */
export async function measureIsolation(plan: Plan): Promise<IsolationResult[]> {
  const results: IsolationResult[] = [];
  for (const contender of plan.contenders.filter(({ name }) => name === 'ours-on'))
    results.push(await isolateOne(plan, contender));
  return results;
}

async function isolateOne(plan: Plan, contender: Contender): Promise<IsolationResult> {
  // The large one is loaded last: when it answers, both do.
  const server = await startServer(contender, [SMALL, LARGE], plan.machine, singleRows(LARGE));
  try {
    await checkAllRows(server, singleRows(SMALL));
    await checkAllRows(server, singleRows(LARGE));
    const [alone, beside, slow]: [Measured[], Measured[], Measured[]] = [[], [], []];
    for (let round = 0; round < plan.rounds; round++) {
      alone.push(await measureSmall(plan, server));
      const [small, large] = await Promise.all([measureSmall(plan, server), keepComputing(plan, server)]);
      beside.push(small);
      slow.push(large);
      plan.say(
        `isolation ${round + 1}: p99 ${alone.at(-1)?.latency_us.ok.p99} alone, ${small.latency_us.ok.p99} µs beside`,
      );
    }
    const percentiles = (runs: readonly Measured[]) =>
      mergedPercentiles(runs.map((run) => run.latency_us.ok.histogram));
    return {
      name: contender.name,
      alone: percentiles(alone),
      beside: percentiles(beside),
      slowRps: slow[0]?.answered_rps ?? 0,
      untrustworthyRuns: [...alone, ...beside].filter((run) => !run.generator.trustworthy).length,
    };
  } finally {
    await server.stop();
  }
}

async function measureSmall(plan: Plan, server: RunningServer): Promise<Measured> {
  const load = {
    rate: RATE,
    connections: 16,
    durationSeconds: plan.durationSeconds,
    warmupSeconds: SHORT_WARMUP_SECONDS,
    tries: plan.tries,
  };
  const measured = await applyLoad(server, singleRows(SMALL), load, plan.machine);
  checkNoneWrong(server, measured);
  return measured;
}

/** One call after the other of the large model, for as long as the small one is measured. */
function keepComputing(plan: Plan, server: RunningServer): Promise<Measured> {
  const load = {
    connections: 1,
    durationSeconds: plan.durationSeconds + SHORT_WARMUP_SECONDS,
    warmupSeconds: 0,
    relaxed: true,
  };
  return applyLoad(server, singleRows(LARGE), load, plan.machine);
}
