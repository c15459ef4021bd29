import { nodeMode } from '../../trees/tree-ensemble.js';
import { maxSplits, type Block } from './block-layout.js';
import { leafValue, type OrderedTrees } from './ordered-trees.js';
import { changeAt, states, type Turns } from './turns.js';

/** Points of a quadrature that are computed side by side. */
export const lanes = 3;
/** Numbers of one kind of row: of each point what the block's leaves add up to; then in the same way what they say of each feature. */
export const kindWidth = lanes * (1 + maxSplits);

/** Bits that tell the kinds of rows of a block apart: the features compared above it as well, then its comparing nodes, always as many. */
export function bitsOf({ before }: Block): number {
  return before.filter((turn) => turn >= 0).length + maxSplits;
}

/** Three points and their weights; a weight is 0 where there is no point. */
export interface Lanes {
  readonly points: readonly number[];
  readonly weights: readonly number[];
}

export interface BlockParts {
  readonly trees: OrderedTrees;
  readonly turns: Turns;
  readonly target: number;
}

/** Which way a comparing node of the block has to lead. */
interface Way {
  readonly split: number;
  readonly taken: number;
}

/** What a leaf says of a feature on the way to it. */
interface LeafFeature {
  readonly slot: number;
  readonly ways: readonly Way[];
  /** lanes * state + lane: how the product changes, and what is said, by the state of the row at the last turn on the feature. */
  readonly times: Float64Array;
  readonly says: Float64Array;
}

interface Leaf {
  /** Times the weight, one a lane. */
  readonly value: Float64Array;
  readonly features: readonly LeafFeature[];
}

/** Writes the numbers of every kind of row of a block from `start` on. */
export function fillBlock(block: Block, parts: BlockParts, points: Lanes, { table, start }: TablePlace): void {
  const leaves = leavesOf(block, parts, points);
  const aboves = block.before.map((turn) => turn >= 0);
  for (let kind = 0, from = start; kind < 1 << bitsOf(block); kind++, from += kindWidth) {
    let bit = bitsOf(block);
    const above = aboves.map((there) => (there ? (kind >> --bit) & 1 : 1));
    for (const leaf of leaves) addLeaf(leaf, kind, above, { table, start: from });
  }
}

interface TablePlace {
  readonly table: Float64Array;
  readonly start: number;
}

function addLeaf(
  { value, features }: Leaf,
  kind: number,
  above: readonly number[],
  { table, start }: TablePlace,
): void {
  const rows = features.map(({ slot, ways }) => {
    const still = above[slot]!;
    const followed = ways.every(({ split, taken }) => ((kind >> (maxSplits - 1 - split)) & 1) === taken);
    return lanes * (still + (followed ? still : 0));
  });
  for (let lane = 0; lane < lanes; lane++) {
    let product = value[lane]!;
    for (let at = 0; at < rows.length; at++) product *= features[at]!.times[rows[at]! + lane]!;
    table[start + lane]! += product;
    for (let at = 0; at < rows.length; at++) {
      const { slot, says } = features[at]!;
      table[start + lanes * (1 + slot) + lane]! += product * says[rows[at]! + lane]!;
    }
  }
}

function leavesOf(block: Block, parts: BlockParts, points: Lanes): Leaf[] {
  const { trees, target } = parts;
  const leaves: Leaf[] = [];
  for (let node = block.root; node < trees.end[block.root]!; node++) {
    if (trees.mode[node] !== nodeMode.LEAF) continue;
    const value = leafValue(trees, node, target);
    const features = leafFeatures(block, node, parts, points);
    leaves.push({ value: Float64Array.from(points.weights, (weight) => weight * value), features });
  }
  return leaves;
}

function leafFeatures(block: Block, leaf: number, { trees, turns }: BlockParts, { points }: Lanes): LeafFeature[] {
  const found = new Map<number, { turn: number; ways: Way[] }>();
  for (let node = leaf; node !== block.root; node = trees.parent[node]!) {
    const above = trees.parent[node]!;
    const slot = block.features.indexOf(trees.feature[above]!);
    const way = { split: block.splits.indexOf(above), taken: Number(trees.trueChild[above] === node) };
    const known = found.get(slot);
    if (known === undefined) found.set(slot, { turn: node, ways: [way] });
    else known.ways.push(way);
  }
  return [...found].map(([slot, { turn, ways }]) => {
    const before = block.before[slot]!;
    const shares = { turn: turns.share[turn]!, before: before < 0 ? undefined : turns.share[before]! };
    const times = new Float64Array(states * lanes);
    const says = new Float64Array(states * lanes);
    for (let state = 0; state < states; state++) {
      points.forEach((point, lane) => {
        const change = changeAt(point, state, shares);
        times[lanes * state + lane] = change.times;
        says[lanes * state + lane] = change.says;
      });
    }
    return { slot, ways, times, says };
  });
}
