import { nodeMode } from '../../trees/tree-ensemble.js';
import { goesTrue, leafValue, rootsOf, treeScores, type OrderedTrees } from './ordered-trees.js';
import { gaussLegendre, type Quadrature } from './quadrature.js';
import type { ExactShapley } from './shapley-values.js';
import { layoutOf, type TreeLayout } from './block-layout.js';
import { hasOrder } from './thresholds.js';
import { tableSize, TabulatedTrees } from './tabulated-trees.js';
import { turnsOf, type Turns } from './turns.js';

/** Targets (classes, outputs) whose trees have tables. */
const tabulatedTargets = 4;
/** Numbers that the tables of one target may hold at most: 16 MiB. */
const maxNumbers = 2 * 2 ** 20;

/** The trees of one target: those that have tables, by the points that they need, and the roots of the others. */
interface TargetPlan {
  readonly tabulated: readonly TabulatedTrees[];
  readonly left: Int32Array;
}

/**
 * Path-dependent TreeSHAP (Lundberg et al. 2018, arXiv:1802.03888, algorithm 2: the same values), where an unknown feature follows both
 * children in the proportion of their covers.
 *
 * On the way to a leaf each feature j has o_j (1 where the row takes all of its turns, else 0) and r_j (the share of the covers). The
 * weights of the coalitions are Beta integrals, so that the value of feature i at a leaf of value v is
 * v (o_i - r_i) ∫ Π_{j≠i} (t o_j + (1-t) r_j) dt over [0, 1]: a polynomial of the depth's degree, which half as many points integrate
 * exactly. The products grow on the way down and the leaves' sums on the way up (Yu et al. 2022, Linear TreeSHAP, arXiv:2209.08192), so
 * that a tree costs its nodes times half its depth: two passes over flat arrays a point, all factors positive, nothing cancelled. As far as
 * memory allows, most of what the passes compute is looked up: see `tabulated-trees.ts`.
 */
export class PathDependentShapley implements ExactShapley {
  readonly #trees: OrderedTrees;
  readonly #turns: Turns;
  /** Of the turn into each node: r of its feature, all turns of that feature down to here multiplied. */
  readonly #share: Float64Array;
  /** The nearest turn above on the same feature, as the node that it leads to; -1: none. */
  readonly #earlier: Int32Array;
  readonly #rules: readonly Quadrature[];
  readonly #ruleOf: ReadonlyMap<number, Quadrature>;
  readonly #tabulated: number;
  readonly #plans = new Map<number, TargetPlan>();
  readonly #bases = new Map<number, number>();
  readonly #on: Uint8Array;
  readonly #product: Float64Array;
  readonly #inverse: Float64Array;
  readonly #sum: Float64Array;

  /** `cover`: of each node, in the order of `trees`. `targets`: how many of them get tables, in the order in which they are asked for. */
  constructor(trees: OrderedTrees, cover: Float64Array, targets = tabulatedTargets) {
    this.#tabulated = targets;
    this.#trees = trees;
    this.#turns = turnsOf(trees, cover);
    this.#share = this.#turns.share;
    this.#earlier = this.#turns.earlier;
    const { distinct } = this.#turns;
    const rules = new Map<number, Quadrature>();
    const depthOf = new Map([...trees.roots].map((root) => [root, deepest(distinct, root, trees.end[root] ?? 0)]));
    const ruleFor = (depth: number): Quadrature => {
      const points = Math.max(1, Math.ceil(depth / 2));
      const rule = rules.get(points) ?? gaussLegendre(points);
      rules.set(points, rule);
      return rule;
    };
    this.#ruleOf = new Map([...depthOf].map(([root, depth]) => [root, ruleFor(depth)]));
    this.#rules = [...rules.values()];
    const largest = [...trees.roots].reduce((most, root) => Math.max(most, (trees.end[root] ?? 0) - root), 0);
    this.#on = new Uint8Array(largest);
    this.#product = new Float64Array(largest);
    this.#inverse = new Float64Array(largest);
    this.#sum = new Float64Array(largest);
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
      base = this.#expected(target);
      this.#bases.set(target, base);
    }
    return base;
  }

  valuesOf(row: Float64Array, target: number): Float64Array {
    const values = new Float64Array(Math.max(row.length, this.#trees.features));
    const { tabulated, left } = this.#planFor(target);
    for (const trees of tabulated) trees.addTo(values, row);
    for (const root of left) {
      this.#takeTurns(root, row);
      const rule = this.#ruleOf.get(root) ?? this.#rules[0]!;
      for (let at = 0; at < rule.points.length; at++) {
        this.#descend(root, rule.points[at]!, target);
        this.#ascend(root, rule.weights[at]!, values);
      }
    }
    return values;
  }

  #planFor(target: number): TargetPlan {
    let plan = this.#plans.get(target);
    if (plan === undefined) {
      const roots = rootsOf(this.#trees, target);
      plan = this.#plans.size < this.#tabulated ? this.#tabulate(target, roots) : { tabulated: [], left: roots };
      this.#plans.set(target, plan);
    }
    return plan;
  }

  /** As many of the trees as there is room for. */
  #tabulate(target: number, roots: Int32Array): TargetPlan {
    const [trees, turns] = [this.#trees, this.#turns];
    const layouts = new Map(this.#rules.map((rule) => [rule, [] as TreeLayout[]]));
    let numbers = 0;
    const left = roots.filter((root) => {
      const rule = this.#ruleOf.get(root) ?? this.#rules[0]!;
      const layout = layoutOf(trees, turns, root);
      const size = tableSize(layout, rule);
      if (numbers + size > maxNumbers || !hasOrder(trees, root)) return true;
      numbers += size;
      layouts.get(rule)?.push(layout);
      return false;
    });
    const taken = [...layouts].filter(([, of]) => of.length > 0);
    return {
      tabulated: taken.map(([rule, of]) => new TabulatedTrees({ trees, turns, target, rule, layouts: of })),
      left,
    };
  }

  /** The leaves' values, weighted with the shares of all turns that lead to them. */
  #expected(target: number): number {
    const { roots, end, parent, mode } = this.#trees;
    let expected = this.#trees.base[target] ?? 0;
    for (const root of roots) {
      this.#product[0] = 1;
      for (let node = root; node < end[root]!; node++) {
        if (node > root) this.#product[node - root] = this.#product[parent[node]! - root]! * this.#ownShare(node);
        if (mode[node] === nodeMode.LEAF)
          expected += this.#product[node - root]! * leafValue(this.#trees, node, target);
      }
    }
    return expected;
  }

  #ownShare(node: number): number {
    const earlier = this.#earlier[node]!;
    const above = earlier < 0 ? 1 : this.#share[earlier]!;
    return above === 0 ? 0 : this.#share[node]! / above;
  }

  /** o of each turn. */
  #takeTurns(root: number, row: Float64Array): void {
    const trees = this.#trees;
    const { mode, feature, trueChild, falseChild } = trees;
    const on = this.#on;
    const earlier = this.#earlier;
    const end = trees.end[root]!;
    for (let node = root; node < end; node++) {
      if (mode[node] === nodeMode.LEAF) continue;
      const yes = trueChild[node]!;
      const no = falseChild[node]!;
      const above = earlier[yes]!;
      const still = above < 0 ? 1 : on[above - root]!;
      const taken = goesTrue(trees, node, row[feature[node]!]!);
      on[yes - root] = taken ? still : 0;
      on[no - root] = taken ? 0 : still;
    }
  }

  /** Products of the factors on the way to each node; `sum` starts with each leaf's value times its product. */
  #descend(root: number, point: number, target: number): void {
    const trees = this.#trees;
    const { parent, mode } = trees;
    const on = this.#on;
    const product = this.#product;
    const inverse = this.#inverse;
    const sum = this.#sum;
    const end = trees.end[root]!;
    const rest = 1 - point;
    product[0] = 1;
    for (let node = root; node < end; node++) {
      const at = node - root;
      if (at > 0) {
        const factor = point * on[at]! + rest * this.#share[node]!;
        const earlier = this.#earlier[node]!;
        const above = product[parent[node]! - root]!;
        inverse[at] = factor === 0 ? 0 : 1 / factor;
        product[at] = above * factor * (earlier < 0 ? 1 : inverse[earlier - root]!);
      }
      sum[at] = mode[node] === nodeMode.LEAF ? product[at]! * leafValue(trees, node, target) : 0;
    }
  }

  /** Sums of the leaves below each turn: what they say of the turn's feature. A turn above on the same feature has no say below this one. */
  #ascend(root: number, weight: number, values: Float64Array): void {
    const { parent, feature, end } = this.#trees;
    const on = this.#on;
    const inverse = this.#inverse;
    const sum = this.#sum;
    const share = this.#share;
    for (let node = end[root]! - 1; node > root; node--) {
      const at = node - root;
      const total = sum[at]!;
      if (total === 0) continue;
      const above = parent[node]!;
      const earlier = this.#earlier[node]!;
      let factor = (on[at]! - share[node]!) * inverse[at]!;
      if (earlier >= 0) factor -= (on[earlier - root]! - share[earlier]!) * inverse[earlier - root]!;
      values[feature[above]!]! += weight * total * factor;
      sum[above - root]! += total;
    }
  }
}

function deepest(distinct: Int32Array, from: number, to: number): number {
  let most = 0;
  for (let node = from; node < to; node++) most = Math.max(most, distinct[node]!);
  return most;
}
