import type { TreeLayout } from './tree-layout.js';

/** Trees walked side by side: four chains of loads hide each other's latency. */
const abreast = 4;
/** Steps between two looks whether all four have arrived. */
const stride = 8;

/**
 * Walks a row down all trees. The outcome of a comparison is added to an index, so there is no branch to mispredict; a tree that has
 * arrived at its leaf stays there until its neighbours have. Trees of like depth walk together.
 */
export class TreeWalker {
  readonly #bounds: Float64Array;
  readonly #links: Int32Array;
  /** Roots in order of depth, filled up to a multiple of four with the last one. */
  readonly #starts: Int32Array;
  readonly #steps: Int32Array;
  /** Place of each start's tree in the ensemble; the filling goes to a place behind the last. */
  readonly #trees: Int32Array;
  readonly #slots: Float64Array;
  readonly #features: number;
  readonly #negatives: boolean;
  /** The leaf values of the row last walked, one a tree in the order of the ensemble, and one more that means nothing. */
  readonly values: Float64Array;

  constructor({ bounds, links, roots, depths, features, negatives }: TreeLayout) {
    this.#bounds = bounds;
    this.#links = links;
    this.#features = features;
    this.#negatives = negatives;
    this.#slots = new Float64Array(features * (negatives ? 2 : 1) + 1).fill(NaN);
    this.values = new Float64Array(roots.length + 1);
    const order = [...roots.keys()].sort((a, b) => (depths[a] ?? 0) - (depths[b] ?? 0));
    const padded = Math.ceil(roots.length / abreast) * abreast;
    const last = order[order.length - 1] ?? 0;
    this.#starts = Int32Array.from({ length: padded }, (_, at) => roots[order[at] ?? last] ?? 0);
    this.#trees = Int32Array.from({ length: padded }, (_, at) => order[at] ?? roots.length);
    this.#steps = Int32Array.from({ length: padded / abreast }, (_, at) =>
      Math.max(...[0, 1, 2, 3].map((k) => depths[order[at * abreast + k] ?? last] ?? 0)),
    );
  }

  /** `row` holds at least as many numbers as the trees have features, of the precision that the trees were laid out for. */
  walk(row: Float64Array): void {
    this.#load(row);
    for (let group = 0; group < this.#steps.length; group++) this.#walkGroup(group * abreast, this.#steps[group]!);
  }

  #load(row: Float64Array): void {
    const slots = this.#slots;
    const features = this.#features;
    for (let at = 0; at < features; at++) slots[at] = row[at]!;
    if (!this.#negatives) return;
    for (let at = 0; at < features; at++) slots[features + at] = -row[at]!;
  }

  #walkGroup(first: number, steps: number): void {
    const bounds = this.#bounds;
    const links = this.#links;
    const slots = this.#slots;
    const starts = this.#starts;
    let a = starts[first]!;
    let b = starts[first + 1]!;
    let c = starts[first + 2]!;
    let d = starts[first + 3]!;
    for (let left = steps; left > 0; left -= stride) {
      for (let step = left < stride ? left : stride; step > 0; step--) {
        a = links[4 * a + 3]! + Number(slots[links[4 * a + 2]!]! <= bounds[2 * a]!);
        b = links[4 * b + 3]! + Number(slots[links[4 * b + 2]!]! <= bounds[2 * b]!);
        c = links[4 * c + 3]! + Number(slots[links[4 * c + 2]!]! <= bounds[2 * c]!);
        d = links[4 * d + 3]! + Number(slots[links[4 * d + 2]!]! <= bounds[2 * d]!);
      }
      if (left <= stride) break;
      if (links[4 * a + 3] === a && links[4 * b + 3] === b && links[4 * c + 3] === c && links[4 * d + 3] === d) break;
    }
    const values = this.values;
    const trees = this.#trees;
    values[trees[first]!] = bounds[2 * a]!;
    values[trees[first + 1]!] = bounds[2 * b]!;
    values[trees[first + 2]!] = bounds[2 * c]!;
    values[trees[first + 3]!] = bounds[2 * d]!;
  }
}
