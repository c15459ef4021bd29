import { nodeMode } from '../../trees/tree-ensemble.js';
import { blocksOf, type Block } from './block-layout.js';
import { goesTrue, leafValue, type OrderedTrees } from './ordered-trees.js';
import { gaussLegendre, type Quadrature } from './quadrature.js';
import type { Turns } from './turns.js';

/** Features of a block at most: each has a bit at least. */
const maxFeatures = 8;
/** Numbers that the tables of one target may hold at most: 16 MiB. */
const maxNumbers = 2 * 2 ** 20;

/**
 * Trees of moderate depth in blocks (`block-layout.ts`): the values that a block gives for each kind of row are computed when the first
 * such row comes, and remembered. After that a row costs one look into a table a block: the four lowest leaves of a tree of depth 6.
 */
export class RememberedTrees {
  readonly #trees: OrderedTrees;
  readonly #turns: Turns;
  readonly #target: number;
  readonly #rules: readonly Quadrature[];
  readonly #blocks: readonly Block[];
  /** Comparing nodes above the blocks, parents first, and those in the blocks. */
  readonly #upper: Int32Array;
  readonly #lower: Int32Array;
  /** Of node n: at n whether its feature takes all turns down to it, at n + count whether the row goes on at its true child. */
  readonly #bits: Uint8Array;
  /** The bits of block b, first of the turns: those at [bitStart[b], bitStart[b + 1]). */
  readonly #bitStart: Int32Array;
  readonly #bitPlaces: Int32Array;
  readonly #featureStart: Int32Array;
  readonly #features: Int32Array;
  /** Where the values of each block begin: one list a kind of row. NaN: not known yet. */
  readonly #tableStart: Int32Array;
  readonly #table: Float64Array;
  /** Where the values of each block are for the row under way. */
  readonly #found: Int32Array;
  /** Place of the feature of a block's comparing node among the block's features. */
  readonly #slots: Uint8Array;
  /** Of each feature of the block being learned: whether it takes all of its turns, and its share; -1: it is not on the way. */
  readonly #on = new Float64Array(maxFeatures);
  readonly #share = new Float64Array(maxFeatures);
  readonly #factors = new Float64Array(maxFeatures);

  private constructor(trees: OrderedTrees, turns: Turns, target: number, blocks: readonly Block[]) {
    this.#trees = trees;
    this.#turns = turns;
    this.#target = target;
    this.#blocks = blocks;
    this.#rules = Array.from({ length: 9 }, (_, features) => gaussLegendre(Math.max(1, Math.ceil(features / 2))));
    this.#bits = new Uint8Array(2 * trees.count);
    const lower = blocks.flatMap(({ splits }) => splits);
    const upper = new Set(blocks.flatMap(({ root }) => ancestors(trees, root)));
    this.#upper = Int32Array.from(upper).sort();
    this.#lower = Int32Array.from(lower);
    const places = blocks.map(({ turns: nodes, splits }) => [...nodes, ...splits.map((node) => node + trees.count)]);
    this.#bitStart = starts(places.map(({ length }) => length));
    this.#bitPlaces = Int32Array.from(places.flat());
    this.#featureStart = starts(blocks.map(({ features }) => features.length));
    this.#features = Int32Array.from(blocks.flatMap(({ features }) => features));
    this.#tableStart = starts(blocks.map(sizeOf));
    this.#table = new Float64Array(this.#tableStart[blocks.length]!).fill(NaN);
    this.#found = new Int32Array(blocks.length);
    this.#slots = new Uint8Array(trees.count);
    for (const { splits, features } of blocks) {
      for (const node of splits) this.#slots[node] = features.indexOf(trees.feature[node]!);
    }
  }

  /** As many of the trees as there is room for, and the roots of those that are left. */
  static of(trees: OrderedTrees, turns: Turns, target: number, roots: Int32Array) {
    const taken: Block[] = [];
    let numbers = 0;
    const left = roots.filter((root) => {
      const blocks = blocksOf(trees, turns, root);
      const size = blocks?.reduce((sum, block) => sum + sizeOf(block), 0) ?? Infinity;
      if (blocks === undefined || numbers + size > maxNumbers) return true;
      numbers += size;
      taken.push(...blocks);
      return false;
    });
    return { remembered: new RememberedTrees(trees, turns, target, taken), left };
  }

  /** Adds the values of its trees for one row. */
  addTo(values: Float64Array, row: Float64Array): void {
    this.#readBits(row);
    this.#find();
    const found = this.#found;
    const featureStart = this.#featureStart;
    const features = this.#features;
    const table = this.#table;
    for (let block = 0; block < found.length; block++) {
      const start = found[block]!;
      const first = featureStart[block]!;
      const width = featureStart[block + 1]! - first;
      if (width > 0 && table[start] !== table[start]) this.#learn(block, start, width);
      for (let at = 0; at < width; at++) values[features[first + at]!]! += table[start + at]!;
    }
  }

  /** Kinds first and values after them: looks into the table that wait for memory can then overlap. */
  #find(): void {
    const bits = this.#bits;
    const bitStart = this.#bitStart;
    const bitPlaces = this.#bitPlaces;
    const featureStart = this.#featureStart;
    const tableStart = this.#tableStart;
    const found = this.#found;
    for (let block = 0; block < found.length; block++) {
      let kind = 0;
      const first = bitStart[block]!;
      for (let at = bitStart[block + 1]! - 1; at >= first; at--) kind = (kind << 1) | bits[bitPlaces[at]!]!;
      found[block] = tableStart[block]! + kind * (featureStart[block + 1]! - featureStart[block]!);
    }
  }

  #readBits(row: Float64Array): void {
    const trees = this.#trees;
    const { trueChild, falseChild, count } = trees;
    const bits = this.#bits;
    const upper = this.#upper;
    const lower = this.#lower;
    const { earlier } = this.#turns;
    for (let at = 0; at < upper.length; at++) {
      const node = upper[at]!;
      const yes = trueChild[node]!;
      const above = earlier[yes]!;
      const still = above < 0 ? 1 : bits[above]!;
      const taken = takenBit(trees, node, row);
      bits[yes] = still & taken;
      bits[falseChild[node]!] = still & (taken ^ 1);
    }
    for (let at = 0; at < lower.length; at++) {
      const node = lower[at]!;
      bits[count + node] = takenBit(trees, node, row);
    }
  }

  /** Computes the values of a block for the kind of the row under way. */
  #learn(number: number, start: number, width: number): void {
    const { root, turns } = this.#blocks[number]!;
    this.#share.fill(-1);
    // The features of the turns stand first, in their order.
    turns.forEach((node, at) => {
      this.#on[at] = this.#bits[node]!;
      this.#share[at] = this.#turns.share[node]!;
    });
    const sums = this.#table.subarray(start, start + width).fill(0);
    this.#leavesBelow(root, sums);
  }

  #leavesBelow(node: number, sums: Float64Array): void {
    const { mode, trueChild, falseChild, count } = this.#trees;
    if (mode[node] === nodeMode.LEAF) return this.#leaf(leafValue(this.#trees, node, this.#target), sums);
    const slot = this.#slots[node]!;
    const taken = this.#bits[count + node]!;
    const share = this.#share[slot]!;
    const on = this.#on[slot]!;
    const still = share < 0 ? 1 : on;
    this.#turnInto(trueChild[node]!, slot, still * taken, sums);
    this.#turnInto(falseChild[node]!, slot, still * (1 - taken), sums);
    this.#share[slot] = share;
    this.#on[slot] = on;
  }

  #turnInto(child: number, slot: number, on: number, sums: Float64Array): void {
    this.#on[slot] = on;
    this.#share[slot] = this.#turns.share[child]!;
    this.#leavesBelow(child, sums);
  }

  /** The integral of `path-dependent.ts`, over the features that are on the way to this leaf. */
  #leaf(value: number, sums: Float64Array): void {
    if (value === 0) return;
    const on = this.#on;
    const share = this.#share;
    const factors = this.#factors;
    const { points, weights } = this.#rules[sums.length]!;
    for (let point = 0; point < points.length; point++) {
      const t = points[point]!;
      let product = value * weights[point]!;
      for (let at = 0; at < sums.length; at++) {
        if (share[at]! < 0) continue;
        factors[at] = t * on[at]! + (1 - t) * share[at]!;
        product *= factors[at]!;
      }
      if (product === 0) continue;
      for (let at = 0; at < sums.length; at++) {
        if (share[at]! >= 0) sums[at]! += (product * (on[at]! - share[at]!)) / factors[at]!;
      }
    }
  }
}

/** 1 where the row goes on at the true child: without a branch for the comparisons that are usual, as half of them would be guessed wrong. */
function takenBit(trees: OrderedTrees, node: number, row: Float64Array): number {
  const value = row[trees.feature[node]!]!;
  const mode = trees.mode[node]!;
  if (mode > nodeMode.LT) return Number(goesTrue(trees, node, value));
  const threshold = trees.threshold[node]!;
  const taken = mode === nodeMode.LEQ ? Number(value <= threshold) : Number(value < threshold);
  return taken | (Number(value !== value) & trees.missingTracksTrue[node]!);
}

function sizeOf({ turns, splits, features }: Block): number {
  return (1 << (turns.length + splits.length)) * features.length;
}

function ancestors({ parent }: OrderedTrees, node: number): number[] {
  const above: number[] = [];
  for (let at = parent[node]!; at >= 0; at = parent[at]!) above.push(at);
  return above;
}

/** Where each of several lists begins in their concatenation, and where the last one ends. */
function starts(lengths: readonly number[]): Int32Array {
  const places = new Int32Array(lengths.length + 1);
  lengths.forEach((length, at) => (places[at + 1] = places[at]! + length));
  return places;
}
