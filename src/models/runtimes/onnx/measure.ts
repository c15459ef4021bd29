import type { RunCost } from '../../batching/types.js';
import type { TensorMap } from '../../runtime.js';

/** Rows of the second size that is timed. */
export const manyRows = 64;
/** Timed runs of each size, at most. */
const repetitions = { one: 40, many: 20 } as const;
/** Runs before the timed ones, while memory is allocated and code compiled. */
const warmUps = { one: 100, many: 20 } as const;
/** A slow model is timed with fewer runs. */
const budgetMs = 200;

export interface Measurement {
  readonly cost: RunCost;
  /** What came out for one row, and for many (absent where the graph takes one row at a time). */
  readonly one: TensorMap;
  readonly many: TensorMap | undefined;
}

/** Runs made-up rows; answers the outputs and the microseconds that the run took. */
export type TimedRun = (rows: number) => Promise<{ readonly outputs: TensorMap; readonly microseconds: number }>;

/** Times a model over one row and, unless `onlyOne`, over many. Rejects as the runs do. */
export async function measure(run: TimedRun, onlyOne: boolean): Promise<Measurement> {
  const one = await timed(run, 1, 'one');
  if (onlyOne) return { cost: { perRunUs: one.microseconds, perRowUs: 0 }, one: one.outputs, many: undefined };
  const many = await timed(run, manyRows, 'many');
  const perRowUs = Math.max(0, (many.microseconds - one.microseconds) / (manyRows - 1));
  const perRunUs = Math.max(0, one.microseconds - perRowUs);
  return { cost: { perRunUs, perRowUs }, one: one.outputs, many: many.outputs };
}

/** The lower quartile: what the run costs when nothing else disturbs it. */
async function timed(run: TimedRun, rows: number, size: 'one' | 'many') {
  const times: number[] = [];
  let spent = 0;
  let { outputs, microseconds } = await run(rows);
  const enough = () => times.length >= repetitions[size] || (spent > budgetMs * 1000 && times.length > 0);
  for (let count = 1; !enough(); count++) {
    ({ outputs, microseconds } = await run(rows));
    spent += microseconds;
    if (count >= warmUps[size] || spent > budgetMs * 1000) times.push(microseconds);
  }
  times.sort((a, b) => a - b);
  return { outputs, microseconds: times[Math.floor(times.length / 4)] ?? microseconds };
}
