import { nodeMode } from '../../trees/tree-ensemble.js';
import type { OrderedTrees } from './ordered-trees.js';
import type { Turns } from './turns.js';

/** Bits that tell the rows of a block apart: 128 kinds of rows. */
const maxBits = 7;

/**
 * The lower part of a tree from one node on. What its leaves say depends on a few bits of the row alone: whether each feature on the way to it
 * takes all of its turns, and where each of its own comparisons leads.
 */
export interface Block {
  readonly root: number;
  /** The last turn on each feature on the way. */
  readonly turns: readonly number[];
  /** Its own comparing nodes. */
  readonly splits: readonly number[];
  /** The features of both, each once: those of the turns first. */
  readonly features: readonly number[];
}

/** The largest blocks that cover a tree; undefined where a single leaf needs more bits than a block may have. */
export function blocksOf(trees: OrderedTrees, turns: Turns, root: number): readonly Block[] | undefined {
  const blocks: Block[] = [];
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const splits = splitsFrom(trees, node);
    if (turns.distinct[node]! + splits.length <= maxBits) blocks.push(blockAt(trees, turns, node, splits));
    else if (splits.length === 0) return undefined;
    else open.push(trees.falseChild[node]!, trees.trueChild[node]!);
  }
  return blocks;
}

function splitsFrom(trees: OrderedTrees, root: number): number[] {
  const splits: number[] = [];
  for (let node = root; node < trees.end[root]!; node++) if (trees.mode[node] !== nodeMode.LEAF) splits.push(node);
  return splits;
}

function blockAt(trees: OrderedTrees, { earlier }: Turns, root: number, splits: readonly number[]): Block {
  const { parent, feature } = trees;
  const turns: number[] = [];
  const repeated = new Set<number>();
  for (let node = root; parent[node]! >= 0; node = parent[node]!) {
    if (!repeated.has(node)) turns.push(node);
    for (let before = earlier[node]!; before >= 0; before = earlier[before]!) repeated.add(before);
  }
  const features = new Set([...turns.map((node) => feature[parent[node]!]!), ...splits.map((node) => feature[node]!)]);
  return { root, turns, splits, features: [...features] };
}
