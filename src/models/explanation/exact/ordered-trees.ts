import { nodeMode, type TreeEnsemble, type TreeNodes } from '../../trees/tree-ensemble.js';

/**
 * The nodes of all trees in preorder, so that a tree can be gone through without a stack: a node stands before its descendants, which end
 * before `end`. Plain data, so that it can be sent to a thread.
 */
export interface OrderedTrees {
  readonly count: number;
  readonly mode: Uint8Array;
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  readonly missingTracksTrue: Uint8Array;
  readonly trueChild: Int32Array;
  readonly falseChild: Int32Array;
  /** One past the last descendant. */
  readonly end: Int32Array;
  /** -1 for roots. */
  readonly parent: Int32Array;
  readonly roots: Int32Array;
  /** The weights of leaf i are those at [weightStart[i], weightStart[i + 1]). */
  readonly weightStart: Int32Array;
  readonly weightTarget: Int32Array;
  readonly weightValue: Float64Array;
  /** Place of each node in the ensemble. */
  readonly origin: Int32Array;
  /** Columns of a row. */
  readonly features: number;
  /** What is added to the trees' sum, one a target. */
  readonly base: Float64Array;
}

/** Why the sum of these trees has no exact explanation, in words; undefined when it has. */
export function unexplainable({ aggregate, members }: TreeEnsemble): string | undefined {
  if (aggregate === 'MIN' || aggregate === 'MAX') return `the trees are joined by ${aggregate}, which is no sum`;
  if (members.size > 0) return 'nodes of the trees compare with sets';
  return undefined;
}

/** Lays out an ensemble that is not `unexplainable`; a mean over the trees becomes a sum of smaller weights. */
export function orderTrees(ensemble: TreeEnsemble): OrderedTrees {
  const { nodes, roots, weights, aggregate } = ensemble;
  const order = preorder(nodes, roots);
  const count = order.origin.length;
  const pick = <List extends Uint8Array | Int32Array | Float64Array>(from: List, into: List): List => {
    for (let at = 0; at < count; at++) into[at] = from[order.origin[at] ?? 0] ?? 0;
    return into;
  };
  const place = new Int32Array(nodes.count).fill(-1);
  order.origin.forEach((node, at) => (place[node] = at));
  const child = (from: Int32Array) =>
    order.origin.map((node) => (from[node] === -1 ? -1 : (place[from[node] ?? 0] ?? -1)));
  const scale = aggregate === 'AVERAGE' ? 1 / roots.length : 1;
  const leaves = leafWeights(nodes, weights, order.origin);
  return {
    count,
    mode: pick(nodes.mode, new Uint8Array(count)),
    feature: pick(nodes.feature, new Int32Array(count)),
    threshold: pick(nodes.threshold, new Float64Array(count)),
    missingTracksTrue: pick(nodes.missingTracksTrue, new Uint8Array(count)),
    trueChild: child(nodes.trueChild),
    falseChild: child(nodes.falseChild),
    end: order.end,
    parent: order.parent,
    roots: order.roots,
    weightStart: leaves.start,
    weightTarget: leaves.target,
    weightValue: leaves.value.map((value) => value * scale),
    origin: order.origin,
    features: ensemble.features,
    base: baseOf(ensemble),
  };
}

/** As onnxruntime adds them: one a target; a single one belongs to the first. */
function baseOf({ targets, baseValues }: TreeEnsemble): Float64Array {
  return new Float64Array(targets).map((_, target) => baseValues[target] ?? 0);
}

function preorder(nodes: TreeNodes, roots: Int32Array) {
  const origin: number[] = [];
  const parent: number[] = [];
  const end: number[] = [];
  const starts: number[] = [];
  for (const root of roots) {
    starts.push(origin.length);
    const open = [{ node: root, above: -1 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const at = origin.push(next.node) - 1;
      parent.push(next.above);
      if (nodes.mode[next.node] === nodeMode.LEAF) continue;
      open.push({ node: nodes.falseChild[next.node] ?? -1, above: at });
      open.push({ node: nodes.trueChild[next.node] ?? -1, above: at });
    }
  }
  for (let at = origin.length - 1; at >= 0; at--) {
    end[at] ??= at + 1;
    const above = parent[at] ?? -1;
    if (above >= 0) end[above] = Math.max(end[above] ?? 0, end[at] ?? 0);
  }
  return {
    origin: Int32Array.from(origin),
    parent: Int32Array.from(parent),
    end: Int32Array.from(end),
    roots: Int32Array.from(starts),
  };
}

function leafWeights(nodes: TreeNodes, weights: TreeEnsemble['weights'], origin: Int32Array) {
  const start = new Int32Array(origin.length + 1);
  const target: number[] = [];
  const value: number[] = [];
  origin.forEach((node, at) => {
    for (let weight = nodes.weightStart[node] ?? 0; weight < (nodes.weightStart[node + 1] ?? 0); weight++) {
      target.push(weights.target[weight] ?? 0);
      value.push(weights.value[weight] ?? 0);
    }
    start[at + 1] = target.length;
  });
  return { start, target: Int32Array.from(target), value: Float64Array.from(value) };
}

/** Whether a row goes on at the true child of a node. */
export function goesTrue(trees: OrderedTrees, node: number, value: number): boolean {
  if (value !== value && trees.missingTracksTrue[node] === 1) return true;
  const threshold = trees.threshold[node]!;
  switch (trees.mode[node]) {
    case nodeMode.LEQ:
      return value <= threshold;
    case nodeMode.LT:
      return value < threshold;
    case nodeMode.GTE:
      return value >= threshold;
    case nodeMode.GT:
      return value > threshold;
    case nodeMode.EQ:
      return value === threshold;
    default:
      return value !== threshold;
  }
}

/** What a leaf adds to a target. */
export function leafValue(trees: OrderedTrees, leaf: number, target: number): number {
  const { weightStart, weightTarget, weightValue } = trees;
  let sum = 0;
  for (let at = weightStart[leaf]!; at < weightStart[leaf + 1]!; at++) {
    if (weightTarget[at] === target) sum += weightValue[at]!;
  }
  return sum;
}

/** The trees with a leaf that adds to a target, by their roots. */
export function rootsOf(trees: OrderedTrees, target: number): Int32Array {
  return trees.roots.filter((root) => {
    const from = trees.weightStart[root]!;
    const to = trees.weightStart[trees.end[root]!]!;
    return trees.weightTarget.subarray(from, to).includes(target);
  });
}

/** The raw score of each target for one row: in double precision, where onnxruntime adds in single. */
export function treeScores(trees: OrderedTrees, row: Float64Array): Float64Array {
  const scores = trees.base.slice();
  for (const root of trees.roots) {
    let node = root;
    while (trees.mode[node] !== nodeMode.LEAF) {
      node = goesTrue(trees, node, row[trees.feature[node]!]!) ? trees.trueChild[node]! : trees.falseChild[node]!;
    }
    for (let at = trees.weightStart[node]!; at < trees.weightStart[node + 1]!; at++) {
      scores[trees.weightTarget[at]!]! += trees.weightValue[at]!;
    }
  }
  return scores;
}
