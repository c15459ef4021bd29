import { oursExplained } from '../measure/contenders.js';
import { applyLoad, checkNoneWrong, type Measured } from '../measure/load.js';
import { checkAllRows, startServer, type RunningServer } from '../measure/server.js';
import { spread } from '../measure/statistics.js';
import { singleRows } from '../measure/workload.js';
import { interleave, SATURATING_CONNECTIONS, SHORT_WARMUP_SECONDS, type Plan } from './plan.js';
import type { ExplanationsResult } from './report.js';

/** Predictions without explanation, of a model that can be explained and of one that cannot: the same model, closed loop, in turn. */
export async function measureExplanations(plan: Plan): Promise<ExplanationsResult[]> {
  const plain = plan.contenders.find(({ name }) => name === 'ours-on');
  if (plain === undefined) return [];
  const workload = singleRows('breast_cancer');
  const servers: RunningServer[] = [];
  try {
    for (const contender of [plain, oursExplained]) {
      const server = await startServer(contender, ['breast_cancer'], plan.machine, workload);
      servers.push(server);
      await checkAllRows(server, workload);
      await measure(plan, server, plan.warmupSeconds);
    }
    const runs = await interleave(servers, plan.rounds, async (server, round) => {
      const measured = await measure(plan, server, plan.durationSeconds);
      plan.say(`explanations ${round + 1}: ${server.contender.name} ${Math.round(measured.rightRps)}/s`);
      return measured;
    });
    const [without = [], having = []] = [...runs.values()];
    const ratio = (of: (own: Measured, other: Measured) => number) =>
      spread(having.map((own, round) => of(own, without[round] ?? own)));
    const result = {
      name: oursExplained.name,
      ofPlain: ratio((own, other) => own.rightRps / other.rightRps),
      cpuOfPlain: ratio((own, other) => other.cpuMicroseconds / own.cpuMicroseconds),
      untrustworthyRuns: [...without, ...having].filter((run) => !run.generator.trustworthy).length,
    };
    return [result];
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function measure(plan: Plan, server: RunningServer, durationSeconds: number): Promise<Measured> {
  const load = {
    ...{ connections: SATURATING_CONNECTIONS, durationSeconds, warmupSeconds: SHORT_WARMUP_SECONDS },
    tries: plan.tries,
  };
  const measured = await applyLoad(server, singleRows('breast_cancer'), load, plan.machine);
  checkNoneWrong(server, measured);
  return measured;
}
