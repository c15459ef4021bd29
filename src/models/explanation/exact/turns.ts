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

/** What a row can be at a turn on a feature: it took not all turns on it before, or leaves the way here, or takes this one as well. */
export const states = 3;

export interface TurnShares {
  /** Of all turns on the feature down to here. */
  readonly turn: number;
  /** Of those before; undefined where there are none. */
  readonly before: number | undefined;
}

/**
 * How the product of `path-dependent.ts` changes at a turn: its feature's factor t o + (1 - t) r takes the place of the one before. `says`: what
 * a leaf of value 1 and product 1 says of the feature, likewise less what the turn before says.
 */
export function changeAt(point: number, state: number, { turn, before }: TurnShares) {
  const on = state === 2 ? 1 : 0;
  const factor = point * on + (1 - point) * turn;
  const says = factor === 0 ? 0 : (on - turn) / factor;
  if (before === undefined) return { times: factor, says };
  const still = state === 0 ? 0 : 1;
  const earlier = point * still + (1 - point) * before;
  if (earlier === 0) return { times: 0, says: 0 };
  return { times: factor / earlier, says: says - (still - before) / earlier };
}
