import { applyLoad, checkNoneWrong, refusedShare } from '../measure/load.js';
import { checkAllRows, type RunningServer } from '../measure/server.js';
import { spread } from '../measure/statistics.js';
import { batches } from '../measure/workload.js';
import { interleave, SHORT_WARMUP_SECONDS, type Plan } from './plan.js';
import type { BatchResult } from './report.js';

const ROWS = 256;
/** Enough to keep the server busy; more would only wait. */
const CONNECTIONS = 4;

/** Closed loop, 256 rows a request. */
export async function measureBatch(
  plan: Plan,
  servers: readonly RunningServer[],
  singleRps: (server: RunningServer) => number,
): Promise<BatchResult[]> {
  const workload = batches('breast_cancer', ROWS);
  const load = {
    connections: CONNECTIONS,
    durationSeconds: plan.durationSeconds,
    warmupSeconds: SHORT_WARMUP_SECONDS,
    tries: plan.tries,
  };
  const able = servers.filter((server) => server.contender.predicts);
  for (const server of able) await checkAllRows(server, workload);
  const runs = await interleave(able, plan.rounds, async (server, round) => {
    const measured = await applyLoad(server, workload, load, plan.machine);
    checkNoneWrong(server, measured);
    plan.say(`batch ${round + 1}: ${server.contender.name} ${Math.round(measured.rightRps * ROWS)} rows/s`);
    return measured;
  });
  return [...runs].map(([server, own]) => {
    const rowsPerSecond = spread(own.map((run) => run.rightRps * ROWS));
    return {
      name: server.contender.name,
      rowsPerSecond,
      ofSingle: rowsPerSecond.median / singleRps(server),
      refusedShare: refusedShare(own),
      untrustworthyRuns: own.filter((run) => !run.generator.trustworthy).length,
    };
  });
}
