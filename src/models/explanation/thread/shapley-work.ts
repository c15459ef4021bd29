import { InterventionalShapley } from '../exact/interventional.js';
import type { OrderedTrees } from '../exact/ordered-trees.js';
import { PathDependentShapley } from '../exact/path-dependent.js';
import type { ExactShapley } from '../exact/shapley-values.js';

/** What exact values of trees are computed from, as plain data. */
export type ShapleyWork =
  | { readonly method: 'tree_path_dependent'; readonly trees: OrderedTrees; readonly cover: Float64Array }
  | {
      readonly method: 'tree_interventional';
      readonly trees: OrderedTrees;
      readonly background: readonly Float64Array[];
    };

export function shapleyOf(work: ShapleyWork): ExactShapley {
  return work.method === 'tree_path_dependent'
    ? new PathDependentShapley(work.trees, work.cover)
    : new InterventionalShapley(work.trees, work.background);
}

/** To the thread. */
export interface ValuesRequest {
  readonly id: number;
  readonly row: Float64Array;
  readonly target: number;
}

/** From the thread. */
export interface ValuesReply {
  readonly id: number;
  readonly values: Float64Array;
  /** What computing them took. */
  readonly microseconds: number;
}
