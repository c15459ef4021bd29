import { nodeMode } from '../../trees/tree-ensemble.js';
import type { OrderedTrees } from './ordered-trees.js';
import type { Turns } from './turns.js';

/** Comparing nodes of a block at most: the four lowest leaves of a full tree. With as many turns above it has 64 kinds of rows at most. */
export const maxSplits = 3;

/**
 * The lowest part of a tree, from one node on. What its leaves say depends on a few bits of the row, but for a factor that comes from the
 * way to it: where each of its comparing nodes leads, and whether the features compared on the way as well take all of their turns there.
 */
export interface Block {
  readonly root: number;
  /** Its own comparing nodes. */
  readonly splits: readonly number[];
  /** The features that they compare, each once. */
  readonly features: readonly number[];
  /** Of each of the features: the last turn on it above the block, as the node that it leads to; -1: none. */
  readonly before: readonly number[];
}

/** The part of a tree above its blocks, and the blocks. */
export interface TreeLayout {
  /** Parents first: the root, all children of comparing nodes above the blocks, and among them the roots of the blocks. */
  readonly upper: readonly number[];
  readonly blocks: readonly Block[];
}

export function layoutOf(trees: OrderedTrees, turns: Turns, root: number): TreeLayout {
  const upper: number[] = [];
  const blocks: Block[] = [];
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    upper.push(node);
    // A subtree of n comparing nodes has 2n + 1 nodes.
    if (trees.end[node]! - node <= 2 * maxSplits + 1) blocks.push(blockAt(trees, turns, node));
    else open.push(trees.falseChild[node]!, trees.trueChild[node]!);
  }
  return { upper, blocks };
}

function blockAt(trees: OrderedTrees, { earlier }: Turns, root: number): Block {
  const splits: number[] = [];
  const before = new Map<number, number>();
  for (let node = root; node < trees.end[root]!; node++) {
    if (trees.mode[node] === nodeMode.LEAF) continue;
    splits.push(node);
    let turn = earlier[trees.trueChild[node]!]!;
    while (turn > root) turn = earlier[turn]!;
    before.set(trees.feature[node]!, turn);
  }
  return { root, splits, features: [...before.keys()], before: [...before.values()] };
}
