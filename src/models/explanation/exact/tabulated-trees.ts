import { bitsOf, fillBlock, kindWidth, lanes, type BlockParts, type Lanes } from './block-tables.js';
import { maxSplits, type Block, type TreeLayout } from './block-layout.js';
import type { Quadrature } from './quadrature.js';
import { noNode, Thresholds } from './thresholds.js';
import { changeAt, states } from './turns.js';

/** Numbers of one state: of each child, how the product changes at the turn into it, and what it says of the feature. */
const stateWidth = 4 * lanes;
/** Places behind the last feature, for what says nothing: several, as adding to one place again and again would have to wait each time. */
const spares = 16;

export interface TabulatedParts extends BlockParts {
  readonly rule: Quadrature;
  readonly layouts: readonly TreeLayout[];
}

/** Numbers that the tables of a tree take. */
export function tableSize({ upper, blocks }: TreeLayout, { points }: Quadrature): number {
  const ofBlocks = blocks.reduce((sum, block) => sum + (kindWidth << bitsOf(block)), 0);
  return Math.ceil(points.length / lanes) * (ofBlocks + states * stateWidth * upper.length);
}

/**
 * The two passes of `path-dependent.ts` over the upper parts of trees only, with all factors looked up and three points side by side.
 * What the lower parts add is looked up too: a block (`block-layout.ts`) at a time, by the kind of the row. In a full tree of
 * depth 6 that leaves 15 comparing nodes and 16 blocks of 127 nodes.
 *
 * The children of decision d have the places 2d (true) and 2d + 1; the roots those behind all of them.
 */
export class TabulatedTrees {
  /** The comparing nodes of the upper parts, parents first, then three a block. */
  readonly #thresholds: Thresholds;
  readonly #upper: number;
  /** Of each decision of the upper parts: its own place, and the place of the turn before it on its feature (a root's: none). */
  readonly #own: Int32Array;
  readonly #before: Int32Array;
  /** Of each place: whether the row takes all turns on its feature. */
  readonly #on: Uint8Array;
  /** The feature of each decision of the upper parts. */
  readonly #feature: Int32Array;
  /** Of block b: its place, and those of the turns above it on its features, at [turnStart[b], turnStart[b + 1]). */
  readonly #place: Int32Array;
  readonly #turnStart: Int32Array;
  readonly #turnPlaces: Int32Array;
  /** Always three a block: where it has fewer, one behind the last feature. */
  readonly #features: Int32Array;
  readonly #tableStart: Int32Array;
  /** Where the numbers of each decision and block are for the row under way. */
  readonly #state: Int32Array;
  readonly #kind: Int32Array;
  /** Three numbers a place. */
  readonly #product: Float64Array;
  readonly #sum: Float64Array;
  /** One a three points: the numbers of the decisions and of the blocks. */
  readonly #tables: readonly { readonly decisions: Float64Array; readonly blocks: Float64Array }[];
  readonly #values: Float64Array;

  constructor(parts: TabulatedParts) {
    const { trees, turns, layouts } = parts;
    // Those with as many turns side by side: a loop over them then ends as it did for the one before.
    const blocks = layouts.flatMap((layout) => layout.blocks).sort((a, b) => bitsOf(a) - bitsOf(b));
    const lower = new Set(blocks.map(({ root }) => root));
    const upper = layouts.flatMap((layout) => layout.upper).filter((node) => !lower.has(node));
    const roots = layouts.map((layout) => layout.upper[0] ?? 0);
    const noTurn = 2 * upper.length;
    const places = new Map<number, number>(roots.map((root, at) => [root, noTurn + at]));
    upper.forEach((node, at) => {
      places.set(trees.trueChild[node]!, 2 * at);
      places.set(trees.falseChild[node]!, 2 * at + 1);
    });
    const place = (node: number) => places.get(node) ?? noTurn;
    this.#upper = upper.length;
    this.#thresholds = new Thresholds(trees, [...upper, ...blocks.flatMap(threeSplits)]);
    this.#own = Int32Array.from(upper, place);
    this.#before = Int32Array.from(upper, (node) => place(turns.earlier[trees.trueChild[node]!]!));
    this.#feature = Int32Array.from(upper, (node) => trees.feature[node]!);
    this.#on = new Uint8Array(noTurn + roots.length).fill(1);
    const turnsAbove = blocks.map(({ before }) => before.filter((turn) => turn >= 0).map(place));
    this.#place = Int32Array.from(blocks, ({ root }) => place(root));
    this.#turnStart = starts(turnsAbove.map(({ length }) => length));
    this.#turnPlaces = Int32Array.from(turnsAbove.flat());
    const slots = blocks.flatMap(({ features }) => [
      ...features,
      ...new Array<number>(maxSplits - features.length).fill(-1),
    ]);
    this.#features = Int32Array.from(slots, (feature, at) => (feature < 0 ? trees.features + (at % spares) : feature));
    this.#tableStart = starts(blocks.map((block) => kindWidth << bitsOf(block)));
    this.#state = new Int32Array(upper.length);
    this.#kind = new Int32Array(blocks.length);
    this.#product = new Float64Array(lanes * this.#on.length).fill(1);
    this.#sum = new Float64Array(lanes * this.#on.length);
    this.#tables = lanesOf(parts.rule).map((points) => ({
      decisions: decisionTable(parts, upper, points),
      blocks: blockTable(parts, blocks, { points, start: this.#tableStart }),
    }));
    this.#values = new Float64Array(trees.features + spares);
  }

  /** Adds the values of its trees for one row. */
  addTo(values: Float64Array, row: Float64Array): void {
    this.#thresholds.place(row);
    this.#takeTurns();
    this.#findKinds();
    this.#values.fill(0);
    for (const { decisions, blocks } of this.#tables) {
      this.#descend(decisions);
      this.#lookUp(blocks);
      this.#ascend(decisions);
    }
    for (let at = 0; at < this.#values.length - spares; at++) values[at]! += this.#values[at]!;
  }

  #takeTurns(): void {
    const { places, slot, bound } = this.#thresholds;
    const before = this.#before;
    const on = this.#on;
    const state = this.#state;
    for (let at = 0; at < state.length; at++) {
      const still = on[before[at]!]!;
      const followed = still & ((places[slot[at]!]! - bound[at]!) >>> 31);
      on[2 * at] = followed;
      on[2 * at + 1] = still ^ followed;
      state[at] = stateWidth * (states * at + still + followed);
    }
  }

  #findKinds(): void {
    const turnStart = this.#turnStart;
    const turnPlaces = this.#turnPlaces;
    const tableStart = this.#tableStart;
    const on = this.#on;
    const { places, slot, bound } = this.#thresholds;
    const found = this.#kind;
    for (let block = 0, split = this.#upper, turn = 0; block < found.length; block++, split += maxSplits) {
      let kind = 0;
      for (const end = turnStart[block + 1]!; turn < end; turn++) kind = (kind << 1) | on[turnPlaces[turn]!]!;
      kind = (kind << 1) | ((places[slot[split]!]! - bound[split]!) >>> 31);
      kind = (kind << 1) | ((places[slot[split + 1]!]! - bound[split + 1]!) >>> 31);
      kind = (kind << 1) | ((places[slot[split + 2]!]! - bound[split + 2]!) >>> 31);
      found[block] = tableStart[block]! + kind * kindWidth;
    }
  }

  /** Products of the factors on the way to each place. */
  #descend(table: Float64Array): void {
    const own = this.#own;
    const state = this.#state;
    const product = this.#product;
    for (let at = 0, child = 0; at < own.length; at++, child += 2 * lanes) {
      const place = lanes * own[at]!;
      const from = state[at]!;
      const first = product[place]!;
      const second = product[place + 1]!;
      const third = product[place + 2]!;
      product[child] = first * table[from]!;
      product[child + 1] = second * table[from + 1]!;
      product[child + 2] = third * table[from + 2]!;
      product[child + 3] = first * table[from + 3]!;
      product[child + 4] = second * table[from + 4]!;
      product[child + 5] = third * table[from + 5]!;
    }
  }

  #lookUp(table: Float64Array): void {
    const place = this.#place;
    const kind = this.#kind;
    const features = this.#features;
    const product = this.#product;
    const values = this.#values;
    const sum = this.#sum;
    for (let block = 0, slot = 0; block < kind.length; block++, slot += maxSplits) {
      const at = lanes * place[block]!;
      const from = kind[block]!;
      const first = product[at]!;
      const second = product[at + 1]!;
      const third = product[at + 2]!;
      sum[at] = first * table[from]!;
      sum[at + 1] = second * table[from + 1]!;
      sum[at + 2] = third * table[from + 2]!;
      values[features[slot]!]! += first * table[from + 3]! + second * table[from + 4]! + third * table[from + 5]!;
      values[features[slot + 1]!]! += first * table[from + 6]! + second * table[from + 7]! + third * table[from + 8]!;
      values[features[slot + 2]!]! += first * table[from + 9]! + second * table[from + 10]! + third * table[from + 11]!;
    }
  }

  /** Sums of what is below each turn, which say something of the turn's feature. */
  #ascend(table: Float64Array): void {
    const own = this.#own;
    const state = this.#state;
    const feature = this.#feature;
    const sum = this.#sum;
    const values = this.#values;
    for (let at = own.length - 1; at >= 0; at--) {
      const child = 2 * lanes * at;
      const from = state[at]! + 2 * lanes;
      const place = lanes * own[at]!;
      const yes0 = sum[child]!;
      const yes1 = sum[child + 1]!;
      const yes2 = sum[child + 2]!;
      const no0 = sum[child + 3]!;
      const no1 = sum[child + 4]!;
      const no2 = sum[child + 5]!;
      values[feature[at]!]! +=
        yes0 * table[from]! +
        yes1 * table[from + 1]! +
        yes2 * table[from + 2]! +
        no0 * table[from + 3]! +
        no1 * table[from + 4]! +
        no2 * table[from + 5]!;
      sum[place] = yes0 + no0;
      sum[place + 1] = yes1 + no1;
      sum[place + 2] = yes2 + no2;
    }
  }
}

function threeSplits({ splits }: Block): number[] {
  return [...splits, ...new Array<number>(maxSplits - splits.length).fill(noNode)];
}

/** The points of a rule by threes. */
function lanesOf({ points, weights }: Quadrature): Lanes[] {
  return Array.from({ length: Math.ceil(points.length / lanes) }, (_, at) => {
    const places = Array.from({ length: lanes }, (_unused, lane) => lanes * at + lane);
    return { points: places.map((place) => points[place] ?? 0.5), weights: places.map((place) => weights[place] ?? 0) };
  });
}

/** A row that follows the true child leaves the way to the false one, and the other way round. */
function decisionTable({ trees, turns }: TabulatedParts, upper: readonly number[], { points }: Lanes): Float64Array {
  const table = new Float64Array(upper.length * states * stateWidth);
  upper.forEach((node, at) => {
    const earlier = turns.earlier[trees.trueChild[node]!]!;
    const before = earlier < 0 ? undefined : turns.share[earlier]!;
    [trees.trueChild[node]!, trees.falseChild[node]!].forEach((child, side) => {
      const shares = { turn: turns.share[child]!, before };
      for (let state = 0; state < states; state++) {
        const from = stateWidth * (states * at + state) + lanes * side;
        points.forEach((point, lane) => {
          const change = changeAt(point, side === 0 || state === 0 ? state : states - state, shares);
          table[from + lane] = change.times;
          table[from + 2 * lanes + lane] = change.says;
        });
      }
    });
  });
  return table;
}

function blockTable(
  parts: BlockParts,
  blocks: readonly Block[],
  { points, start }: { readonly points: Lanes; readonly start: Int32Array },
): Float64Array {
  const table = new Float64Array(start[blocks.length]!);
  blocks.forEach((block, at) => fillBlock(block, parts, points, { table, start: start[at]! }));
  return table;
}

/** Where each of several lists begins in their concatenation, and where the last one ends. */
function starts(lengths: readonly number[]): Int32Array {
  const places = new Int32Array(lengths.length + 1);
  lengths.forEach((length, at) => (places[at + 1] = places[at]! + length));
  return places;
}
