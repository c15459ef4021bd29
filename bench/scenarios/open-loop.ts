import { applyLoad, checkNoneWrong, refusedShare, type Measured } from '../measure/load.js';
import type { RunningServer } from '../measure/server.js';
import { mergedPercentiles, spread, type Percentiles } from '../measure/statistics.js';
import { singleRows } from '../measure/workload.js';
import { echoOf, interleave, SHORT_WARMUP_SECONDS, type Plan } from './plan.js';
import type { OpenLoopResult } from './report.js';

const CONNECTIONS = 64;
/** A server whose closed-loop rate is not at least this much above the offered one is not asked. */
const HEADROOM = 1.2;

/** Poisson arrivals at a fixed rate, one row a request, latency from when a request was due. */
export async function measureOpenLoop(
  plan: Plan,
  servers: readonly RunningServer[],
  rate: number,
  capacity: (server: RunningServer) => number,
): Promise<OpenLoopResult[]> {
  const able = servers.filter((server) => capacity(server) >= rate * HEADROOM);
  const load = {
    rate,
    connections: CONNECTIONS,
    durationSeconds: plan.durationSeconds,
    warmupSeconds: SHORT_WARMUP_SECONDS,
    tries: plan.tries,
  };
  const runs = await interleave(able, plan.rounds, async (server, round) => {
    const seeded = { ...load, seed: round + 1 };
    const measured = await applyLoad(server, singleRows('breast_cancer'), seeded, plan.machine);
    checkNoneWrong(server, measured);
    plan.say(`open loop ${rate}/s ${round + 1}: ${server.contender.name} p50 ${measured.latency_us.ok.p50} µs`);
    return measured;
  });
  const echo = latencyOf(echoOf(runs) ?? []);
  return [...runs].map(([server, own]) => {
    const latency = latencyOf(own);
    return {
      name: server.contender.name,
      rate,
      latency,
      p50OfEcho: latency.p50 / echo.p50,
      p99OfEcho: latency.p99 / echo.p99,
      refusedShare: refusedShare(own),
      cpuMicroseconds: spread(own.map((run) => run.cpuMicroseconds)),
      untrustworthyRuns: own.filter((run) => !run.generator.trustworthy).length,
    };
  });
}

const latencyOf = (runs: readonly Measured[]): Percentiles =>
  mergedPercentiles(runs.map((run) => run.latency_us.ok.histogram));
