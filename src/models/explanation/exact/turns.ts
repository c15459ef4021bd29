import type { OrderedTrees } from './ordered-trees.js';

/** The way to each node as a row of turns, each on the feature that its parent compares. */
export interface Turns {
  /** Of the turn into each node: the share of the covers, all turns of its feature down to here multiplied. */
  readonly share: Float64Array;
  /** The nearest turn above on the same feature, as the node that it leads to; -1: none. */
  readonly earlier: Int32Array;
  /** How many features are compared on the way. */
  readonly distinct: Int32Array;
}

/** `cover`: of each node, in the order of `trees`. */
export function turnsOf(trees: OrderedTrees, cover: Float64Array): Turns {
  const { count, parent, feature } = trees;
  const share = new Float64Array(count).fill(1);
  const earlier = new Int32Array(count).fill(-1);
  const distinct = new Int32Array(count);
  for (let node = 0; node < count; node++) {
    const above = parent[node]!;
    if (above < 0) continue;
    let turn = above;
    while (parent[turn]! >= 0 && feature[parent[turn]!] !== feature[above]) turn = parent[turn]!;
    earlier[node] = parent[turn]! < 0 ? -1 : turn;
    const known = earlier[node]! < 0 ? 1 : share[earlier[node]!]!;
    share[node] = cover[above] === 0 ? 0 : (known * cover[node]!) / cover[above]!;
    distinct[node] = distinct[above]! + (earlier[node]! < 0 ? 1 : 0);
  }
  return { share, earlier, distinct };
}
