import { nodeMode } from '../../trees/tree-ensemble.js';
import type { OrderedTrees } from './ordered-trees.js';

/** Stands for a comparing node that is not there: no row is ever taken to its true child. */
export const noNode = -1;

/** Beyond all places; the difference of two such numbers is a 32-bit integer still. */
const far = 2 ** 29;

/** Whether all comparisons of a tree are inequalities. */
export function hasOrder({ mode, end }: OrderedTrees, root: number): boolean {
  return mode.subarray(root, end[root]).every((one) => one <= nodeMode.GT);
}

/**
 * Answers comparisons by whole numbers: a row's number is placed once among all thresholds that its feature is compared with. What is left
 * to do for a node needs no branch, of which half would be guessed wrong: a row goes on at the true child of node n where
 * `places[slot[n]] < bound[n]`, that is, where `(places[slot[n]] - bound[n]) >>> 31` is 1.
 */
export class Thresholds {
  /** Two a scale: where a missing number leads to the false child, and where to the true one. */
  readonly places: Int32Array;
  readonly slot: Int32Array;
  readonly bound: Int32Array;
  readonly #scales: readonly Scale[];

  /** `nodes`: comparing nodes of trees that have an order, in the order in which they are asked. */
  constructor(trees: OrderedTrees, nodes: readonly number[]) {
    const byKey = new Map<number, number[]>();
    const keyOf = (node: number) => trees.feature[node]! * (nodeMode.GT + 1) + trees.mode[node]!;
    for (const node of nodes) {
      if (node === noNode) continue;
      const key = keyOf(node);
      byKey.set(key, [...(byKey.get(key) ?? []), node]);
    }
    const keys = [...byKey.keys()];
    this.#scales = [...byKey.values()].map((members) => new Scale(trees, members));
    const scaleOf = new Map(keys.map((key, at) => [key, at]));
    const numbers = nodes.map((node) => (node === noNode ? 0 : (scaleOf.get(keyOf(node)) ?? 0)));
    this.places = new Int32Array(Math.max(1, 2 * keys.length));
    this.slot = Int32Array.from(nodes, (node, at) => 2 * numbers[at]! + (trees.missingTracksTrue[node] ?? 0));
    this.bound = Int32Array.from(nodes, (node, at) =>
      node === noNode ? -far : this.#scales[numbers[at]!]!.boundOf(trees.threshold[node]!),
    );
  }

  place(row: Float64Array): void {
    const places = this.places;
    for (let at = 0; at < this.#scales.length; at++) {
      const scale = this.#scales[at]!;
      const value = row[scale.feature]!;
      const missing = value !== value;
      const place = missing ? far : scale.placeOf(value);
      places[2 * at] = place;
      places[2 * at + 1] = missing ? -far : place;
    }
  }
}

/** The thresholds that one feature is compared with in one way, each once, in ascending order. */
class Scale {
  readonly feature: number;
  readonly #thresholds: Float64Array;
  /** Of < and >=: a threshold that is met stands before the number. */
  readonly #met: boolean;
  /** Of > and >=: the numbers behind the threshold are taken, so that all is counted backwards. */
  readonly #backwards: boolean;

  constructor(trees: OrderedTrees, [first = 0, ...others]: readonly number[]) {
    const mode = trees.mode[first]!;
    this.feature = trees.feature[first]!;
    this.#thresholds = Float64Array.from(new Set([first, ...others].map((node) => trees.threshold[node]!))).sort();
    this.#met = mode === nodeMode.LT || mode === nodeMode.GTE;
    this.#backwards = mode === nodeMode.GT || mode === nodeMode.GTE;
  }

  placeOf(value: number): number {
    const thresholds = this.#thresholds;
    let low = 0;
    let high = thresholds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const threshold = thresholds[middle]!;
      if (this.#met ? value < threshold : value <= threshold) high = middle;
      else low = middle + 1;
    }
    return this.#backwards ? -low : low;
  }

  boundOf(threshold: number): number {
    const place = this.#thresholds.indexOf(threshold);
    return this.#backwards ? -place : place + 1;
  }
}
