import type { Clock } from '../../shared/clock.js';
import type { TensorMap } from '../runtime.js';
import { differenceOf } from './compare-rows.js';
import type { CompiledGraph } from './compiled-graph.js';
import { sliceRow } from './row-slices.js';

export interface ProofOptions {
  readonly graph: CompiledGraph;
  readonly batches: Iterable<TensorMap>;
  /** What the reference runtime answers. Rejects for rows that the model refuses. */
  readonly reference: (inputs: TensorMap, rows: number) => Promise<TensorMap>;
  readonly clock: Clock;
  /** No further batch is begun after this time; the event loop is free between batches. */
  readonly budgetMs: number;
}

/** `difference`: why the compiled graph must not be used; absent when it agreed on every row. */
export interface Proof {
  readonly rows: number;
  readonly difference?: string;
}

/** Compares a compiled graph with its reference, row by row. */
export async function prove({ graph, batches, reference, clock, budgetMs }: ProofOptions): Promise<Proof> {
  const end = clock.monotonic() + budgetMs;
  let proven = 0;
  for (const inputs of batches) {
    if (proven > 0 && clock.monotonic() > end) break;
    const rows = Object.values(inputs)[0]?.dims[0] ?? 1;
    const difference = await compareBatch(graph, inputs, { rows, reference });
    if (difference !== undefined) return { rows: proven, difference };
    proven += rows;
  }
  return { rows: proven };
}

async function compareBatch(
  graph: CompiledGraph,
  inputs: TensorMap,
  { rows, reference }: Pick<ProofOptions, 'reference'> & { readonly rows: number },
): Promise<string | undefined> {
  let answers: TensorMap | undefined;
  try {
    answers = await reference(inputs, rows);
  } catch {
    // One row that the model refuses fails its whole batch: each is asked for alone below.
    answers = undefined;
  }
  for (let row = 0; row < rows; row++) {
    const alone = sliceRow(inputs, row);
    const want = answers === undefined ? await answerOrRefusal(() => reference(alone, 1)) : sliceRow(answers, row);
    const got = await answerOrRefusal(() => graph.run(alone, 1));
    const difference = compareAnswers(want, got, graph);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

const refused = 'refused';

/** Both are allowed to refuse a row, but only together: what they say when they do is not compared. */
async function answerOrRefusal(answer: () => TensorMap | Promise<TensorMap>): Promise<TensorMap | typeof refused> {
  try {
    return await answer();
  } catch {
    return refused;
  }
}

function compareAnswers(
  want: TensorMap | typeof refused,
  got: TensorMap | typeof refused,
  graph: CompiledGraph,
): string | undefined {
  if (want === refused || got === refused) {
    return want === got ? undefined : `${want === refused ? 'onnxruntime' : 'the compiled form'} alone refuses a row`;
  }
  return differenceOf(want, got, graph.noise());
}
