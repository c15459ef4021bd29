import { nodeMode, type TreeAggregate, type TreeEnsemble } from '../../trees/tree-ensemble.js';
import { NotCompiled } from '../value.js';
import { layOutTrees } from './tree-layout.js';
import type { Precision } from './next-float.js';
import { TreeWalker } from './tree-walker.js';

/** What the trees say of one row, before base values and transforms. Sums run in the order of the trees, rounded at each step. */
export interface TreeSums {
  readonly scores: Float64Array;
  /** 1 where a leaf had a weight for the target. */
  readonly scored: Uint8Array;
  /** The largest sum of absolute weights that the last row added up. */
  noise(): number;
  compute(row: Float64Array): void;
}

type Combine = (sum: number, value: number, scored: number) => number;

/** How a tree's value joins those before it. */
function combination(aggregate: TreeAggregate, precision: Precision): Combine {
  switch (aggregate) {
    case 'MIN':
      return (sum, value, scored) => (scored === 0 || value < sum ? value : sum);
    case 'MAX':
      return (sum, value, scored) => (scored === 0 || value > sum ? value : sum);
    case 'SUM':
    case 'AVERAGE':
      return precision === 'float32' ? (sum, value) => Math.fround(sum + value) : (sum, value) => sum + value;
  }
}

export function treeSums(ensemble: TreeEnsemble, precision: Precision): TreeSums {
  const only = onlyTarget(ensemble);
  if (only === undefined) return new SparseSums(ensemble, precision);
  return new SingleSums(ensemble, precision, only);
}

/** The target that every leaf has its one weight for; undefined where leaves differ. */
function onlyTarget({ nodes, weights, targets }: TreeEnsemble): number | undefined {
  const first = weights.target[0] ?? 0;
  for (let node = 0; node < nodes.count; node++) {
    const count = nodes.weightStart[node + 1]! - nodes.weightStart[node]!;
    if (nodes.mode[node] !== nodeMode.LEAF) continue;
    if (count === 0) throw new NotCompiled('a tree with a leaf of no weight is not compiled');
    if (count > 1 && targets > 1) return undefined;
  }
  return weights.target.every((target) => target === first) ? first : undefined;
}

/** Leaves hold their weight themselves: an output, or a binary classifier. */
class SingleSums implements TreeSums {
  readonly scores: Float64Array;
  readonly scored: Uint8Array;
  readonly #walker: TreeWalker;
  readonly #trees: number;
  readonly #target: number;
  readonly #combine: Combine;
  readonly #float32Sum: boolean;

  constructor(ensemble: TreeEnsemble, precision: Precision, target: number) {
    const { nodes, weights } = ensemble;
    this.#walker = new TreeWalker(
      layOutTrees(ensemble, precision, (leaf) => weights.value[nodes.weightStart[leaf] ?? 0] ?? 0),
    );
    this.#trees = ensemble.roots.length;
    this.#target = target;
    this.#combine = combination(ensemble.aggregate, precision);
    this.#float32Sum = precision === 'float32' && (ensemble.aggregate === 'SUM' || ensemble.aggregate === 'AVERAGE');
    this.scores = new Float64Array(ensemble.targets);
    this.scored = new Uint8Array(ensemble.targets);
    this.scored[target] = 1;
  }

  compute(row: Float64Array): void {
    this.#walker.walk(row);
    // A row before this one may have had base values added.
    this.scores.fill(0);
    this.scores[this.#target] = this.#float32Sum ? this.#sumFloat32() : this.#sumAny();
  }

  #sumFloat32(): number {
    const { values } = this.#walker;
    let sum = 0;
    for (let tree = 0; tree < this.#trees; tree++) sum = Math.fround(sum + values[tree]!);
    return sum;
  }

  #sumAny(): number {
    const { values } = this.#walker;
    let sum = 0;
    for (let tree = 0; tree < this.#trees; tree++) sum = this.#combine(sum, values[tree]!, tree);
    return sum;
  }

  noise(): number {
    return this.#walker.values.subarray(0, this.#trees).reduce((sum, value) => sum + Math.abs(value), 0);
  }
}

/** Leaves name weights for several targets. */
class SparseSums implements TreeSums {
  readonly scores: Float64Array;
  readonly scored: Uint8Array;
  readonly #ensemble: TreeEnsemble;
  readonly #walker: TreeWalker;
  readonly #combine: Combine;

  constructor(ensemble: TreeEnsemble, precision: Precision) {
    this.#ensemble = ensemble;
    this.#walker = new TreeWalker(layOutTrees(ensemble, precision, (leaf) => leaf));
    this.#combine = combination(ensemble.aggregate, precision);
    this.scores = new Float64Array(ensemble.targets);
    this.scored = new Uint8Array(ensemble.targets);
  }

  compute(row: Float64Array): void {
    this.#walker.walk(row);
    const { roots, nodes, weights } = this.#ensemble;
    const { scores, scored } = this;
    const { values } = this.#walker;
    scores.fill(0);
    scored.fill(0);
    for (let tree = 0; tree < roots.length; tree++) {
      const leaf = values[tree]!;
      const end = nodes.weightStart[leaf + 1]!;
      for (let at = nodes.weightStart[leaf]!; at < end; at++) {
        const target = weights.target[at]!;
        scores[target] = this.#combine(scores[target]!, weights.value[at]!, scored[target]!);
        scored[target] = 1;
      }
    }
  }

  noise(): number {
    const { nodes, weights, roots, targets } = this.#ensemble;
    const sums = new Float64Array(targets);
    for (let tree = 0; tree < roots.length; tree++) {
      const leaf = this.#walker.values[tree] ?? 0;
      for (let at = nodes.weightStart[leaf] ?? 0; at < (nodes.weightStart[leaf + 1] ?? 0); at++) {
        sums[weights.target[at] ?? 0]! += Math.abs(weights.value[at] ?? 0);
      }
    }
    return Math.max(...sums);
  }
}
