import { nodeMode } from '../../trees/tree-ensemble.js';
import { goesTrue, leafValue, rootsOf, treeScores, type OrderedTrees } from './ordered-trees.js';
import type { ExactShapley } from './shapley-values.js';

/** Whose value a feature has on the way to a node. */
const side = { neither: 0, row: 1, background: 2 } as const;

/**
 * Interventional TreeSHAP (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees"): an
 * unknown feature has the value of a background row; exact, and averaged over all of them. For each background row only those leaves
 * are visited that some mixture of the two rows reaches.
 */
export class InterventionalShapley implements ExactShapley {
  readonly #trees: OrderedTrees;
  readonly #background: readonly Float64Array[];
  /** Place a * size + b: a! b! / (a + b + 1)!, the weight of a coalition of a features of the row and b of the background. */
  readonly #weights: Float64Array;
  readonly #size: number;
  readonly #side: Uint8Array;
  readonly #bases = new Map<number, number>();
  /** What the leaves below the node last visited add to features of the row, and take from features of the background. */
  #gain = 0;
  #loss = 0;
  #row: Float64Array = new Float64Array(0);
  #other: Float64Array = new Float64Array(0);
  #values: Float64Array = new Float64Array(0);
  #target = 0;

  /** `background`: at least one row of the columns that the trees see. */
  constructor(trees: OrderedTrees, background: readonly Float64Array[]) {
    this.#trees = trees;
    this.#background = background;
    this.#size = depthOf(trees) + 1;
    this.#weights = coalitionWeights(this.#size);
    this.#side = new Uint8Array(trees.features);
  }

  get targets(): number {
    return this.#trees.base.length;
  }

  scores(row: Float64Array): Float64Array {
    return treeScores(this.#trees, row);
  }

  baseOf(target: number): number {
    let base = this.#bases.get(target);
    if (base === undefined) {
      const sum = this.#background.reduce((total, row) => total + (treeScores(this.#trees, row)[target] ?? 0), 0);
      base = sum / this.#background.length;
      this.#bases.set(target, base);
    }
    return base;
  }

  valuesOf(row: Float64Array, target: number): Float64Array {
    this.#values = new Float64Array(Math.max(row.length, this.#trees.features));
    this.#row = row;
    this.#target = target;
    const roots = rootsOf(this.#trees, target);
    for (const other of this.#background) {
      this.#other = other;
      for (const root of roots) this.#visit(root, 0, 0);
    }
    return this.#values.map((value) => value / this.#background.length);
  }

  /** `rows`, `others`: how many features on the way here are the row's and the background's. */
  #visit(node: number, rows: number, others: number): void {
    const { mode, feature, trueChild, falseChild } = this.#trees;
    if (mode[node] === nodeMode.LEAF) return this.#reach(node, rows, others);
    const column = feature[node]!;
    const rowTrue = goesTrue(this.#trees, node, this.#row[column]!);
    const otherTrue = goesTrue(this.#trees, node, this.#other[column]!);
    const rowChild = rowTrue ? trueChild[node]! : falseChild[node]!;
    const otherChild = otherTrue ? trueChild[node]! : falseChild[node]!;
    if (rowChild === otherChild) return this.#visit(rowChild, rows, others);
    const whose = this.#side[column];
    if (whose === side.row) return this.#visit(rowChild, rows, others);
    if (whose === side.background) return this.#visit(otherChild, rows, others);
    this.#side[column] = side.row;
    this.#visit(rowChild, rows + 1, others);
    const gain = this.#gain;
    const loss = this.#loss;
    this.#side[column] = side.background;
    this.#visit(otherChild, rows, others + 1);
    this.#side[column] = side.neither;
    this.#values[column]! += gain - this.#loss;
    this.#gain += gain;
    this.#loss += loss;
  }

  #reach(leaf: number, rows: number, others: number): void {
    const value = leafValue(this.#trees, leaf, this.#target);
    this.#gain = rows === 0 ? 0 : value * this.#weights[(rows - 1) * this.#size + others]!;
    this.#loss = others === 0 ? 0 : value * this.#weights[rows * this.#size + others - 1]!;
  }
}

function depthOf({ count, parent }: OrderedTrees): number {
  const depth = new Int32Array(count);
  let most = 0;
  for (let node = 0; node < count; node++) {
    if (parent[node]! >= 0) depth[node] = depth[parent[node]!]! + 1;
    most = Math.max(most, depth[node]!);
  }
  return most;
}

function coalitionWeights(size: number): Float64Array {
  const weights = new Float64Array(size * size);
  for (let a = 0; a < size; a++) {
    // a! b! / (a + b + 1)! grows from b = 0, where it is 1 / (a + 1), by b / (a + b + 1).
    let weight = 1 / (a + 1);
    for (let b = 0; b < size; b++) {
      if (b > 0) weight *= b / (a + b + 1);
      weights[a * size + b] = weight;
    }
  }
  return weights;
}
