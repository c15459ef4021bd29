import { nodeMode, type TreeEnsemble } from '../../trees/tree-ensemble.js';
import type { Precision } from './next-float.js';
import { uniformTest, type Target, type UniformTest } from './uniform-test.js';

/**
 * Trees as `TreeWalker` reads them: 16 bytes a node in one buffer, a float64 bound and two int32, so that a step touches one cache
 * line. Node i has `bounds[2i]`, its feature's slot in `links[4i + 2]` and in `links[4i + 3]` the node that it leads to when its bound
 * does not hold; the next one is where it leads when it holds. A leaf leads to itself, compares a slot that is always NaN, and has
 * its value where others have their bound.
 */
export interface TreeLayout {
  readonly bounds: Float64Array;
  readonly links: Int32Array;
  /** Where each tree starts, in the order of the ensemble. */
  readonly roots: Int32Array;
  /** Steps from each root to its deepest leaf. */
  readonly depths: Int32Array;
  /** Slots of a row: its features, their negatives where a test needs them, and NaN. */
  readonly features: number;
  readonly negatives: boolean;
}

/** `leafValue`: what a leaf's walk ends with, by its node in the ensemble. */
export function layOutTrees(
  ensemble: TreeEnsemble,
  precision: Precision,
  leafValue: (node: number) => number,
): TreeLayout {
  return new Layout(ensemble, precision, leafValue).build();
}

class Layout {
  readonly #ensemble: TreeEnsemble;
  readonly #precision: Precision;
  readonly #leafValue: (node: number) => number;
  readonly #bounds: number[] = [];
  readonly #slots: number[] = [];
  readonly #links: number[] = [];
  /** Places of targets that have one: a second way there becomes a node that only leads on. */
  readonly #placed = new Map<Target, number>();
  readonly #negatives: boolean;
  readonly #tests: (UniformTest | undefined)[];

  constructor(ensemble: TreeEnsemble, precision: Precision, leafValue: (node: number) => number) {
    this.#ensemble = ensemble;
    this.#precision = precision;
    this.#leafValue = leafValue;
    this.#tests = Array.from({ length: ensemble.nodes.count }, (_, node) => this.#testOf(node));
    this.#negatives = this.#tests.some((test) => test !== undefined && asksNegative(test));
  }

  build(): TreeLayout {
    const roots = this.#ensemble.roots.map((root) => this.#tree(root));
    const count = this.#links.length;
    const buffer = new ArrayBuffer(count * 16);
    const bounds = new Float64Array(buffer);
    const links = new Int32Array(buffer);
    for (let node = 0; node < count; node++) {
      bounds[2 * node] = this.#bounds[node] ?? NaN;
      links[4 * node + 2] = this.#slots[node] ?? 0;
      links[4 * node + 3] = this.#links[node] ?? node;
    }
    const depths = roots.map((root) => this.#depth(root));
    return { bounds, links, roots, depths, features: this.#ensemble.features, negatives: this.#negatives };
  }

  #testOf(node: number): UniformTest | undefined {
    const { mode, threshold, missingTracksTrue, trueChild, falseChild } = this.#ensemble.nodes;
    if (mode[node] === nodeMode.LEAF) return undefined;
    const members = this.#ensemble.members.get(node);
    const split = {
      mode: mode[node] ?? 0,
      threshold: threshold[node] ?? NaN,
      missingTracksTrue: missingTracksTrue[node] === 1,
      whenTrue: trueChild[node] ?? 0,
      whenFalse: falseChild[node] ?? 0,
      ...(members !== undefined && { members }),
    };
    return uniformTest(split, this.#precision);
  }

  #tree(root: number): number {
    const place = this.#allocate(1);
    const open: { target: Target; place: number; feature: number }[] = [{ target: root, place, feature: 0 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { target, place: at } = next;
      const before = this.#placed.get(target);
      if (before !== undefined) {
        this.#write(at, { bound: NaN, slot: this.#nanSlot, link: before });
        continue;
      }
      this.#placed.set(target, at);
      const test = typeof target === 'number' ? this.#tests[target] : target;
      if (test === undefined) {
        this.#write(at, { bound: this.#leafValue(target as number), slot: this.#nanSlot, link: at });
        continue;
      }
      const feature = typeof target === 'number' ? (this.#ensemble.nodes.feature[target] ?? 0) : next.feature;
      const pair = this.#allocate(2);
      const slot = test.negated ? this.#ensemble.features + feature : feature;
      this.#write(at, { bound: test.bound, slot, link: pair });
      open.push({ target: test.holds, place: pair + 1, feature }, { target: test.otherwise, place: pair, feature });
    }
    return place;
  }

  get #nanSlot(): number {
    return this.#ensemble.features * (this.#negatives ? 2 : 1);
  }

  #allocate(count: number): number {
    const place = this.#links.length;
    for (let at = 0; at < count; at++) this.#write(place + at, { bound: NaN, slot: 0, link: place + at });
    return place;
  }

  #write(place: number, { bound, slot, link }: { bound: number; slot: number; link: number }): void {
    this.#bounds[place] = bound;
    this.#slots[place] = slot;
    this.#links[place] = link;
  }

  /** The longest way down, by levels: a node that several ways lead to counts at the last level that reaches it. */
  #depth(root: number): number {
    let level = new Set([root]);
    for (let depth = 0; ; depth++) {
      const below = new Set<number>();
      for (const node of level) for (const child of this.#children(node)) below.add(child);
      if (below.size === 0) return depth;
      level = below;
    }
  }

  #children(node: number): readonly number[] {
    const link = this.#links[node] ?? node;
    if (link === node) return [];
    return this.#slots[node] === this.#nanSlot ? [link] : [link, link + 1];
  }
}

function asksNegative(test: UniformTest): boolean {
  const open: Target[] = [test];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'number') continue;
    if (next.negated) return true;
    open.push(next.holds);
    // The further values of a set ask the same.
  }
  return false;
}
