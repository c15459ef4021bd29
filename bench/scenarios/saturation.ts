import { applyLoad, checkNoneWrong, refusedShare, type Measured } from '../measure/load.js';
import { memoryUse, type MemoryUse } from '../measure/process-tree.js';
import type { RunningServer } from '../measure/server.js';
import { spread, type Spread } from '../measure/statistics.js';
import { singleRows } from '../measure/workload.js';
import { echoOf, interleave, SATURATING_CONNECTIONS, SHORT_WARMUP_SECONDS, type Plan } from './plan.js';
import type { SaturationResult } from './report.js';

/** Closed loop, 32 connections, one row a request. */
export async function measureSaturation(plan: Plan, servers: readonly RunningServer[]): Promise<SaturationResult[]> {
  const workload = singleRows('breast_cancer');
  const load = {
    connections: SATURATING_CONNECTIONS,
    durationSeconds: plan.durationSeconds,
    warmupSeconds: SHORT_WARMUP_SECONDS,
    tries: plan.tries,
  };
  const idle = new Map(servers.map((server) => [server, memoryUse(server.pid)]));
  for (const server of servers) {
    plan.say(`warm-up: ${server.contender.name}`);
    await applyLoad(server, workload, { ...load, durationSeconds: plan.warmupSeconds, tries: 1 }, plan.machine);
  }
  const runs = await interleave(servers, plan.rounds, async (server, round) => {
    const measured = await applyLoad(server, workload, load, plan.machine);
    checkNoneWrong(server, measured);
    plan.say(`saturation ${round + 1}: ${server.contender.name} ${Math.round(measured.rightRps)}/s`);
    return measured;
  });
  const echo = echoOf(runs);
  return [...runs].map(([server, own]) => resultOf(server, own, echo, idle.get(server)));
}

function resultOf(
  server: RunningServer,
  runs: readonly Measured[],
  echo: readonly Measured[] | undefined,
  idle: MemoryUse | undefined,
): SaturationResult {
  return {
    name: server.contender.name,
    rps: spread(runs.map((run) => run.rightRps)),
    rpsOfRounds: runs.map((run) => run.rightRps),
    ofEcho: ratios(runs, echo, (own, other) => own.rightRps / other.rightRps),
    cpuMicroseconds: spread(runs.map((run) => run.cpuMicroseconds)),
    cpuOfEcho: ratios(runs, echo, (own, other) => other.cpuMicroseconds / own.cpuMicroseconds),
    bodyBytes: runs[0]?.body_bytes ?? 0,
    startSeconds: server.startSeconds,
    idlePssMb: idle?.pssMb ?? 0,
    idleRssMb: idle?.rssMb ?? 0,
    loadedPssMb: memoryUse(server.pid).pssMb,
    refusedShare: refusedShare(runs),
    untrustworthyRuns: runs.filter((run) => !run.generator.trustworthy).length,
  };
}

function ratios(
  runs: readonly Measured[],
  others: readonly Measured[] | undefined,
  ratio: (own: Measured, other: Measured) => number,
): Spread {
  return spread(
    runs.map((run, round) => {
      const other = others?.[round];
      return other === undefined ? NaN : ratio(run, other);
    }),
  );
}
