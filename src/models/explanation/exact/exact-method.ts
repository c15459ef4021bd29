import type { ExplainFile } from '../files/explain-file-schema.js';
import { coversOf, explainFile, meansFor } from '../files/explain-file.js';
import { ExplanationFault } from '../files/explanation-fault.js';
import type { ScoredLinear, ScoredNode, ScoredTrees } from '../graph/scored-node.js';
import { shapleyOf, type ShapleyWork } from '../thread/shapley-work.js';
import { ThreadValues, type ThreadValuesOptions } from '../thread/thread-values.js';
import { InlineValues, type ColumnValues } from './exact-explainer.js';
import { LinearShapley, meansOf } from './linear.js';
import { orderTrees } from './ordered-trees.js';
import type { ExactShapley } from './shapley-values.js';

/** A way to exact values; `work` is what a thread needs for it, absent where it costs next to nothing. */
export interface ExactMethod {
  readonly method: 'tree_path_dependent' | 'tree_interventional' | 'linear';
  readonly shapley: ExactShapley;
  readonly work?: ShapleyWork;
}

export interface KnownRows {
  readonly sidecar: ExplainFile | undefined;
  /** The background's columns as the model's node sees them. */
  readonly background: () => readonly Float64Array[] | undefined;
}

/** By the sidecar, else by the background; undefined when there is neither. @throws ExplanationFault when the sidecar does not fit */
export function exactMethod(node: ScoredNode, { sidecar, background }: KnownRows): ExactMethod | undefined {
  if (sidecar !== undefined && sidecar.kind !== node.kind) {
    throw new ExplanationFault(explainFile, `is for ${sidecar.kind} models, the graph holds ${node.kind}`);
  }
  return node.kind === 'trees' ? treeMethod(node, sidecar, background) : linearMethod(node, sidecar, background);
}

function treeMethod(
  { ensemble }: ScoredTrees,
  sidecar: ExplainFile | undefined,
  background: KnownRows['background'],
): ExactMethod | undefined {
  if (sidecar?.kind === 'trees') {
    const covers = coversOf(ensemble, sidecar.trees);
    const trees = orderTrees(ensemble);
    const cover = Float64Array.from(trees.origin, (place) => covers[place] ?? 0);
    return treesBy({ method: 'tree_path_dependent', trees, cover });
  }
  const rows = background();
  return rows && treesBy({ method: 'tree_interventional', trees: orderTrees(ensemble), background: rows });
}

function treesBy(work: ShapleyWork): ExactMethod {
  return { method: work.method, shapley: shapleyOf(work), work };
}

function linearMethod(
  { linear, coefficients }: ScoredLinear,
  sidecar: ExplainFile | undefined,
  background: KnownRows['background'],
): ExactMethod | undefined {
  const rows = sidecar === undefined ? background() : undefined;
  const means =
    sidecar?.kind === 'linear' ? meansFor(linear, sidecar, coefficients) : rows && meansOf(rows, linear.columns);
  return means && { method: 'linear', shapley: new LinearShapley(linear, means) };
}

export interface ValuesPlace extends Pick<ThreadValuesOptions, 'clock' | 'waited'> {
  /** What costs more microseconds leaves the event loop. */
  readonly threadThresholdUs: number;
}

/** Measures one row, and chooses where rows are explained. */
export function measuredValues(
  { shapley, work }: ExactMethod,
  row: Float64Array,
  { threadThresholdUs, clock, waited }: ValuesPlace,
): ColumnValues {
  const costUs = measure(shapley, row);
  return work !== undefined && costUs > threadThresholdUs
    ? new ThreadValues({ work, costUs, clock, waited })
    : new InlineValues(shapley, costUs);
}

/** The best of a few tries, after the code is warm; a slow one is tried once. */
function measure(shapley: ExactShapley, row: Float64Array): number {
  let best = Infinity;
  let spent = 0;
  for (let tries = 0; tries < 20 && spent < 20_000; tries++) {
    const started = performance.now();
    shapley.valuesOf(row, 0);
    const took = (performance.now() - started) * 1000;
    best = Math.min(best, took);
    spent += took;
  }
  return best;
}
