import { modelBytes, type AttributeSource } from './model-bytes.js';

/** Numbers in [0, 1). */
type Random = () => number;

/** A random ensemble as an ONNX file, and the thresholds that its nodes compare with. */
export interface RandomTrees {
  readonly bytes: Uint8Array;
  readonly features: number;
  readonly thresholds: readonly number[];
  readonly doubles: boolean;
  /** What was drawn, for the message of a failed test. */
  readonly words: string;
}

const rangeModes = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT'] as const;
const allModes = [...rangeModes, 'BRANCH_EQ', 'BRANCH_NEQ'] as const;
const domain = 'ai.onnx.ml';

interface DrawnTree {
  /** Positions of the children, or undefined for a leaf. */
  readonly nodes: ({ readonly yes: number; readonly no: number } | undefined)[];
}

/** TreeEnsembleClassifier, -Regressor (versions 1 and 3) or TreeEnsemble (5), of any shape. */
export function randomTrees(random: Random): RandomTrees {
  const draw = new Draw(random);
  const version = draw.of([1, 3, 3, 5] as const);
  return version === 5 ? linked(draw) : listed(draw, version);
}

class Draw {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  threshold(): number {
    const few = [0, -0, 1, -1, 0.5, 3, 1e-40, -1e30, Infinity, -Infinity];
    if (this.chance(0.3)) return this.of(few);
    return Math.fround((this.random() - 0.5) * 10 ** this.below(4));
  }

  /** A quarter of the time, weights whose float32 sums depend on their order. */
  weight(): number {
    return Math.fround((this.random() - 0.5) * (this.chance(0.25) ? 1000 : 1));
  }

  tree(): DrawnTree {
    const kind = this.below(10);
    if (kind === 0) return { nodes: [undefined] };
    if (kind === 1 && this.chance(0.05)) return chain(1000);
    if (kind === 2) return chain(2 + this.below(30));
    return this.#grown(1 + this.below(40));
  }

  #grown(splits: number): DrawnTree {
    const nodes: DrawnTree['nodes'] = [undefined];
    for (let split = 0; split < splits; split++) {
      const leaves = nodes.flatMap((node, at) => (node === undefined ? [at] : []));
      nodes[this.of(leaves)] = { yes: nodes.length, no: nodes.length + 1 };
      nodes.push(undefined, undefined);
    }
    return { nodes };
  }
}

function chain(depth: number): DrawnTree {
  const nodes: DrawnTree['nodes'] = [];
  for (let at = 0; at < depth; at++) {
    const [leaf, next] = [2 * at + 1, 2 * at + 2];
    nodes.push(at % 2 === 0 ? { yes: leaf, no: next } : { yes: next, no: leaf }, undefined);
  }
  nodes.push(undefined);
  return { nodes };
}

/** What all nodes and leaves of an ensemble have in common. */
interface Style {
  readonly version: 1 | 3;
  readonly classifier: boolean;
  readonly features: number;
  readonly targets: number;
  readonly modes: readonly string[];
  readonly weighted: 'one' | 'first' | 'all' | 'any';
  readonly first: number;
  readonly positive: boolean;
  readonly doubles: boolean;
}

function drawStyle(draw: Draw, version: 1 | 3): Style {
  const classifier = draw.chance(0.6);
  const targets = classifier ? draw.of([2, 2, 2, 3, 5]) : draw.of([1, 1, 2, 4]);
  return {
    version,
    classifier,
    features: 1 + draw.below(6),
    targets,
    modes: draw.of([['BRANCH_LEQ'], ['BRANCH_LT'], rangeModes, allModes]),
    weighted: draw.of(['one', 'first', 'all', 'any'] as const),
    first: draw.below(targets),
    positive: draw.chance(0.3),
    doubles: version === 3 && draw.chance(0.2),
  };
}

function listed(draw: Draw, version: 1 | 3): RandomTrees {
  const style = drawStyle(draw, version);
  const { classifier, features, targets, doubles, weighted, positive, modes } = style;
  const nodes: Lists = { tree: [], id: [], feature: [], mode: [], value: [], yes: [], no: [], missing: [] };
  const weights: Weights = { tree: [], id: [], target: [], value: [] };
  const trees = Array.from({ length: 1 + draw.below(20) }, () => draw.tree());
  trees.forEach((tree, number) => {
    tree.nodes.forEach((node, id) => {
      addNode(nodes, draw, { style, tree: number, id, node });
      if (node === undefined) addWeights(weights, draw, { style, tree: number, id });
    });
  });
  const { attributes, words } = drawAttributes(draw, style, { nodes, weights });
  const input = { name: 'x', type: doubles ? 11 : 1, dims: [null, features] };
  const score = { name: 'scores', type: 1, dims: [null, targets] };
  const label = { name: 'label', type: 'classlabels_strings' in attributes ? 8 : 7, dims: [null] };
  const op = classifier ? 'TreeEnsembleClassifier' : 'TreeEnsembleRegressor';
  const outputs = classifier ? [label, score] : [score];
  const bytes = modelBytes({
    nodes: [{ op, domain, inputs: ['x'], outputs: outputs.map(({ name }) => name), attributes }],
    inputs: [input],
    outputs,
    mlOpset: version,
  });
  const drawn = `v${version} ${op} targets ${targets} weights ${weighted}${positive ? ' positive' : ''} trees ${trees.length} ${modes.length} modes`;
  return { bytes, features, thresholds: nodes.value, doubles, words: `${drawn}${doubles ? ' doubles' : ''} ${words}` };
}

function addNode(
  nodes: Lists,
  draw: Draw,
  { style, tree, id, node }: { style: Style; tree: number; id: number; node: DrawnTree['nodes'][number] },
): void {
  nodes.tree.push(tree);
  nodes.id.push(id);
  nodes.feature.push(node ? draw.below(style.features) : 0);
  nodes.mode.push(node ? draw.of(style.modes) : 'LEAF');
  nodes.value.push(node ? draw.threshold() : 0);
  nodes.yes.push(node?.yes ?? 0);
  nodes.no.push(node?.no ?? 0);
  nodes.missing.push(node && draw.chance(0.3) ? 1 : 0);
}

function addWeights(
  weights: Weights,
  draw: Draw,
  { style, tree, id }: { style: Style; tree: number; id: number },
): void {
  const { targets, weighted, first, positive } = style;
  const chosen = {
    one: () => [tree % targets],
    first: () => [first],
    any: () => [draw.below(targets)],
    all: () => [...Array(targets).keys()],
  };
  for (const target of chosen[weighted]()) {
    weights.tree.push(tree);
    weights.id.push(id);
    weights.target.push(target);
    weights.value.push(positive ? Math.abs(draw.weight()) : draw.weight());
  }
}

function drawAttributes(
  draw: Draw,
  { classifier, targets, doubles }: Style,
  { nodes, weights }: { nodes: Lists; weights: Weights },
): { attributes: Record<string, AttributeSource>; words: string } {
  const prefix = classifier ? 'class' : 'target';
  const numbers = (name: string, values: readonly number[]): Record<string, AttributeSource> =>
    doubles
      ? { [`${name}_as_tensor`]: { tensor: { type: 11, dims: [values.length], data: values } } }
      : { [name]: { floats: values } };
  // onnxruntime refuses one base value for several targets, but for two classes.
  const bases = draw.of([0, 0, targets, targets === 1 || (classifier && targets === 2) ? 1 : 0]);
  const transform = draw.of(['NONE', 'LOGISTIC', 'SOFTMAX', 'SOFTMAX_ZERO']);
  const aggregate = draw.of(['SUM', 'AVERAGE', 'MIN', 'MAX']);
  const labels = Array.from({ length: targets }, (_, at) => at + 10);
  const classes: Record<string, AttributeSource> = draw.chance(0.3)
    ? { classlabels_strings: { texts: labels.map(String) } }
    : { classlabels_int64s: { ints: labels } };
  const baseValues = Array.from({ length: bases }, () => draw.weight());
  return {
    words: `bases ${bases} ${transform} ${classifier ? '' : aggregate}`,
    attributes: {
      nodes_treeids: { ints: nodes.tree },
      nodes_nodeids: { ints: nodes.id },
      nodes_featureids: { ints: nodes.feature },
      nodes_modes: { texts: nodes.mode },
      ...numbers('nodes_values', nodes.value),
      nodes_truenodeids: { ints: nodes.yes },
      nodes_falsenodeids: { ints: nodes.no },
      ...(draw.chance(0.7) && { nodes_missing_value_tracks_true: { ints: nodes.missing } }),
      [`${prefix}_treeids`]: { ints: weights.tree },
      [`${prefix}_nodeids`]: { ints: weights.id },
      [`${prefix}_ids`]: { ints: weights.target },
      ...numbers(`${prefix}_weights`, weights.value),
      ...(bases > 0 && numbers('base_values', baseValues)),
      post_transform: { text: transform },
      ...(classifier ? classes : { aggregate_function: { text: aggregate }, n_targets: { int: targets } }),
    },
  };
}

interface Weights {
  readonly tree: number[];
  readonly id: number[];
  readonly target: number[];
  readonly value: number[];
}

interface Lists {
  readonly tree: number[];
  readonly id: number[];
  readonly feature: number[];
  readonly mode: string[];
  readonly value: number[];
  readonly yes: number[];
  readonly no: number[];
  readonly missing: number[];
}

function linked(draw: Draw): RandomTrees {
  const features = 1 + draw.below(6);
  const targets = draw.of([1, 1, 2, 3]);
  const modes = draw.of([[0], [1], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6]]);
  const nodes = { feature: [], mode: [], split: [], yes: [], no: [], yesLeaf: [], noLeaf: [], missing: [] } as {
    [list in 'feature' | 'mode' | 'split' | 'yes' | 'no' | 'yesLeaf' | 'noLeaf' | 'missing']: number[];
  };
  const leaves: { target: number[]; weight: number[] } = { target: [], weight: [] };
  const members: number[] = [];
  const roots: number[] = [];
  for (let tree = 1 + draw.below(10); tree > 0; tree--) {
    const drawn = draw.tree().nodes;
    // A tree of version 5 has at least one test.
    const source = drawn.length === 1 ? [{ yes: 1, no: 2 }, undefined, undefined] : drawn;
    const inner = new Map<number, number>();
    source.forEach((node, at) => node && inner.set(at, nodes.mode.length + inner.size));
    roots.push(nodes.mode.length);
    const child = (at: number) => {
      const place = inner.get(at);
      if (place !== undefined) return { place, leaf: 0 };
      leaves.target.push(draw.below(targets));
      return { place: leaves.weight.push(draw.weight()) - 1, leaf: 1 };
    };
    for (const node of source) {
      if (!node) continue;
      const mode = draw.of(modes);
      if (mode === 6) members.push(...Array.from({ length: 1 + draw.below(4) }, () => draw.below(8)), NaN);
      const [yes, no] = [child(node.yes), child(node.no)];
      nodes.feature.push(draw.below(features));
      nodes.mode.push(mode);
      nodes.split.push(draw.threshold());
      nodes.yes.push(yes.place);
      nodes.yesLeaf.push(yes.leaf);
      nodes.no.push(no.place);
      nodes.noLeaf.push(no.leaf);
      nodes.missing.push(draw.chance(0.3) ? 1 : 0);
    }
  }
  const floats = (data: readonly number[]) => ({ tensor: { type: 1 as const, dims: [data.length], data } });
  const transform = targets === 1 ? 0 : draw.below(4);
  const aggregate = draw.below(4);
  const attributes: Record<string, AttributeSource> = {
    n_targets: { int: targets },
    aggregate_function: { int: aggregate },
    post_transform: { int: transform },
    tree_roots: { ints: roots },
    nodes_featureids: { ints: nodes.feature },
    nodes_modes: { tensor: { type: 2, dims: [nodes.mode.length], data: nodes.mode } },
    nodes_splits: floats(nodes.split),
    nodes_truenodeids: { ints: nodes.yes },
    nodes_trueleafs: { ints: nodes.yesLeaf },
    nodes_falsenodeids: { ints: nodes.no },
    nodes_falseleafs: { ints: nodes.noLeaf },
    ...(draw.chance(0.6) && { nodes_missing_value_tracks_true: { ints: nodes.missing } }),
    leaf_targetids: { ints: leaves.target },
    leaf_weights: floats(leaves.weight),
    ...(members.length > 0 && { membership_values: floats(members) }),
  };
  const bytes = modelBytes({
    nodes: [{ op: 'TreeEnsemble', domain, inputs: ['x'], outputs: ['scores'], attributes }],
    inputs: [{ name: 'x', type: 1, dims: [null, features] }],
    outputs: [{ name: 'scores', type: 1, dims: [null, targets] }],
    mlOpset: 5,
  });
  const words = `v5 targets ${targets} aggregate ${aggregate} transform ${transform} trees ${roots.length} modes ${modes.join('')}`;
  return { bytes, features, thresholds: nodes.split, doubles: false, words };
}
