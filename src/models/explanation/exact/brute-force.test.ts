import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeMode, type TreeEnsemble } from '../../trees/tree-ensemble.js';
import { InterventionalShapley } from './interventional.js';
import { goesTrue, leafValue, orderTrees, treeScores, type OrderedTrees } from './ordered-trees.js';
import { PathDependentShapley } from './path-dependent.js';

const features = 8;
const number = fc.double({ min: -2, max: 2, noNaN: true, noDefaultInfinity: true });
const cell = fc.oneof({ weight: 5, arbitrary: number }, fc.constant(NaN));
const row = fc.array(cell, { minLength: features, maxLength: features }).map((cells) => Float64Array.from(cells));

type Drawn =
  | { readonly leaf: number }
  | {
      readonly feature: number;
      readonly threshold: number;
      readonly mode: number;
      readonly missing: number;
      readonly share: number;
      readonly yes: Drawn;
      readonly no: Drawn;
    };

const inequalities = [nodeMode.LEQ, nodeMode.LT, nodeMode.GTE, nodeMode.GT];

/** `columns`: how many of the features are compared; few are compared again and again on one way. */
const drawn = (depth: number, modes: readonly number[] = inequalities, columns = 4): fc.Arbitrary<Drawn> =>
  depth === 0
    ? fc.record({ leaf: number })
    : fc.oneof(
        { weight: 1, arbitrary: fc.record({ leaf: number }) },
        {
          weight: 4,
          arbitrary: fc.record({
            feature: fc.integer({ min: 0, max: columns - 1 }),
            threshold: number,
            mode: fc.constantFrom(...modes),
            missing: fc.integer({ min: 0, max: 1 }),
            share: fc.oneof(
              { weight: 6, arbitrary: fc.double({ min: 0.05, max: 0.95, noNaN: true }) },
              fc.constantFrom(0, 1),
            ),
            yes: fc.memo((n) => drawn(n, modes, columns))(depth - 1),
            no: fc.memo((n) => drawn(n, modes, columns))(depth - 1),
          }),
        },
      );

/** Trees as the reader gives them, and the cover of each node. */
function ensembleOf(trees: readonly Drawn[]): { ensemble: TreeEnsemble; covers: Float64Array } {
  const list: { node: Drawn; cover: number; yes: number; no: number }[] = [];
  const add = (node: Drawn, cover: number): number => {
    const at = list.push({ node, cover, yes: -1, no: -1 }) - 1;
    if ('leaf' in node) return at;
    list[at]!.yes = add(node.yes, cover * node.share);
    list[at]!.no = add(node.no, cover * (1 - node.share));
    return at;
  };
  const roots = trees.map((tree) => add(tree, 100));
  const leaves = list.flatMap(({ node }) => ('leaf' in node ? [node.leaf] : []));
  const inner = <T>(pick: (node: Exclude<Drawn, { leaf: number }>) => T, otherwise: T) =>
    list.map(({ node }) => ('leaf' in node ? otherwise : pick(node)));
  let passed = 0;
  const starts = list.map(({ node }) => ('leaf' in node ? passed++ : passed));
  const ensemble: TreeEnsemble = {
    kind: 'regressor',
    nodes: {
      count: list.length,
      mode: Uint8Array.from(inner(({ mode }) => mode, nodeMode.LEAF)),
      feature: Int32Array.from(inner(({ feature }) => feature, 0)),
      threshold: Float64Array.from(inner(({ threshold }) => threshold, 0)),
      trueChild: Int32Array.from(list, ({ yes }) => yes),
      falseChild: Int32Array.from(list, ({ no }) => no),
      missingTracksTrue: Uint8Array.from(inner(({ missing }) => missing, 0)),
      weightStart: Int32Array.from([...starts, passed]),
    },
    roots: Int32Array.from(roots),
    weights: { target: new Int32Array(leaves.length), value: Float64Array.from(leaves) },
    members: new Map(),
    targets: 1,
    features,
    baseValues: Float64Array.of(0.25),
    aggregate: 'SUM',
    postTransform: 'NONE',
  };
  return { ensemble, covers: Float64Array.from(list, ({ cover }) => cover) };
}

/** The definition: the mean over all orders of what a feature adds, by the sum over all coalitions. */
function allCoalitions(value: (known: number) => number): number[] {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
  const size = (set: number): number => [...set.toString(2)].filter((bit) => bit === '1').length;
  return Array.from({ length: features }, (_, player) => {
    let sum = 0;
    for (let set = 0; set < 1 << features; set++) {
      if (set & (1 << player)) continue;
      const weight = (factorial(size(set)) * factorial(features - size(set) - 1)) / factorial(features);
      sum += weight * (value(set | (1 << player)) - value(set));
    }
    return sum;
  });
}

/** What a tree gives when only some features are known: the others follow both children in the proportion of the covers. */
function expectation(trees: OrderedTrees, cover: Float64Array, x: Float64Array, known: number): number {
  const below = (node: number): number => {
    if (trees.mode[node] === nodeMode.LEAF) return leafValue(trees, node, 0);
    const [yes, no] = [trees.trueChild[node]!, trees.falseChild[node]!];
    const feature = trees.feature[node]!;
    if (known & (1 << feature)) return below(goesTrue(trees, node, x[feature]!) ? yes : no);
    if (cover[node] === 0) return 0;
    return (cover[yes]! * below(yes) + cover[no]! * below(no)) / cover[node]!;
  };
  return [...trees.roots].reduce((sum, root) => sum + below(root), trees.base[0]!);
}

const close = (got: ArrayLike<number>, want: readonly number[]) =>
  want.forEach((value, at) => expect(Math.abs(got[at]! - value)).toBeLessThan(1e-9));

describe('the definition, coalition by coalition', () => {
  it.each([
    ['from tables', { depth: 4, modes: inequalities, columns: 4, numRuns: 300 }],
    ['anew for each row', { depth: 4, modes: [...inequalities, nodeMode.EQ, nodeMode.NEQ], columns: 4, numRuns: 300 }],
    ['from tables of deep trees', { depth: 8, modes: inequalities, columns: features, numRuns: 30 }],
  ])('gives what the path-dependent algorithm gives %s', (_, { depth, modes, columns, numRuns }) => {
    fc.assert(
      fc.property(fc.array(drawn(depth, modes, columns), { minLength: 1, maxLength: 3 }), row, (trees, x) => {
        const { ensemble, covers } = ensembleOf(trees);
        const ordered = orderTrees(ensemble);
        const cover = Float64Array.from(ordered.origin, (node) => covers[node]!);
        const shapley = new PathDependentShapley(ordered, cover);
        close(
          shapley.valuesOf(x, 0),
          allCoalitions((known) => expectation(ordered, cover, x, known)),
        );
        close([shapley.baseOf(0)], [expectation(ordered, cover, x, 0)]);
      }),
      { numRuns },
    );
  });

  it('gives what the interventional algorithm gives', () => {
    const others = fc.array(row, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(drawn(4), { minLength: 1, maxLength: 3 }), row, others, (trees, x, background) => {
        const ordered = orderTrees(ensembleOf(trees).ensemble);
        const mean = (known: number): number => {
          const scores = background.map(
            (other) =>
              treeScores(
                ordered,
                x.map((value, at) => (known & (1 << at) ? value : other[at]!)),
              )[0]!,
          );
          return scores.reduce((sum, score) => sum + score, 0) / scores.length;
        };
        const shapley = new InterventionalShapley(ordered, background);
        close(shapley.valuesOf(x, 0), allCoalitions(mean));
        close([shapley.baseOf(0)], [mean(0)]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a large ensemble', () => {
  it('adds up to the score on 10,000 random rows', () => {
    fc.assert(
      fc.property(fc.array(drawn(6), { minLength: 20, maxLength: 20 }), fc.constantFrom(0, 1), (trees, targets) => {
        const { ensemble, covers } = ensembleOf(trees);
        const ordered = orderTrees({ ...ensemble, aggregate: 'AVERAGE' });
        const shapley = new PathDependentShapley(
          ordered,
          Float64Array.from(ordered.origin, (node) => Math.max(covers[node]!, 1e-9)),
          targets,
        );
        const [rows] = fc.sample(fc.array(row, { minLength: 2500, maxLength: 2500 }), 1);
        for (const x of rows!) {
          const sum = shapley.valuesOf(x, 0).reduce((total, value) => total + value, shapley.baseOf(0));
          expect(Math.abs(sum - shapley.scores(x)[0]!)).toBeLessThan(1e-9);
        }
      }),
      { numRuns: 4 },
    );
  });
});
