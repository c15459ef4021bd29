import type { Contender } from '../measure/contenders.js';
import { applyLoad, type Measured } from '../measure/load.js';
import { checkAllRows, startServer, type RunningServer } from '../measure/server.js';
import { median } from '../measure/statistics.js';
import { singleRows } from '../measure/workload.js';
import { SATURATING_CONNECTIONS, SHORT_WARMUP_SECONDS, type Plan } from './plan.js';
import type { OverloadResult } from './report.js';

const MODEL = 'about_one_ms';
const FACTORS = [2, 3, 10];
/** Callers do not wait for each other: there must be connections enough for a queue to build up in the server. */
const CONNECTIONS = 512;

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
    const capacity = await capacityOf(plan, server);
    const results: OverloadResult[] = [];
    for (const factor of FACTORS) {
      const measured = await overload(plan, server, capacity * factor);
      plan.say(`overload x${factor}: ${contender.name} ${(measured.good_rps / capacity).toFixed(2)} of its capacity`);
      results.push(resultOf(contender, capacity, factor, measured));
    }
    return results;
  } finally {
    await server.stop();
  }
}

async function capacityOf(plan: Plan, server: RunningServer): Promise<number> {
  const load = {
    connections: SATURATING_CONNECTIONS,
    durationSeconds: plan.durationSeconds,
    warmupSeconds: SHORT_WARMUP_SECONDS,
    tries: plan.tries,
  };
  await applyLoad(server, singleRows(MODEL), { ...load, durationSeconds: plan.warmupSeconds, tries: 1 }, plan.machine);
  const rates: number[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    const measured = await applyLoad(server, singleRows(MODEL), load, plan.machine);
    // A server without limits may leave some unanswered here already: that is its capacity, and no reason to stop.
    if (measured.counts.wrong > 0) throw new Error(`${server.contender.name}: wrong answers at its capacity`);
    rates.push(measured.rightRps);
  }
  return median(rates);
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

function resultOf(contender: Contender, capacity: number, factor: number, measured: Measured): OverloadResult {
  const { counts, latency_us: latency } = measured;
  return {
    name: contender.name,
    capacity,
    factor,
    goodput: measured.good_rps / capacity,
    refusedShare: latency.refused.count / counts.due,
    missingShare: (counts.timeouts + counts.resets + counts.broken) / counts.due,
    latencyOk: latency.ok,
    latencyRefused: latency.refused,
    trustworthy: measured.generator.trustworthy,
  };
}
