import type { OnnxNode } from '../onnx/graph.js';
import { checkLengths, NodeAttributes } from '../onnx/node-attributes.js';
import { nodeMode, TreeEnsembleError, type NodeModeName, type TreeEnsemble } from './tree-ensemble.js';
import { aggregates, postTransforms } from './tree-words.js';

/** Where a node stands, by the tree and the number that the file gives it. */
type NodePlaces = ReadonlyMap<number, ReadonlyMap<number, number>>;

interface Children {
  readonly mode: Uint8Array;
  readonly places: NodePlaces;
  readonly trees: Int32Array;
}

/** TreeEnsembleClassifier and TreeEnsembleRegressor, versions 1 and 3: every list has one element a node; nodes name their tree. */
export function readListedTrees(node: OnnxNode, kind: TreeEnsemble['kind']): TreeEnsemble {
  const attributes = new NodeAttributes(node);
  const words = attributes.strings('nodes_modes');
  const count = words.length;
  const lists = {
    nodes_treeids: attributes.indices('nodes_treeids'),
    nodes_nodeids: attributes.indices('nodes_nodeids'),
    nodes_featureids: attributes.indices('nodes_featureids'),
    nodes_truenodeids: attributes.indices('nodes_truenodeids'),
    nodes_falsenodeids: attributes.indices('nodes_falsenodeids'),
    nodes_values: attributes.numbers('nodes_values'),
    nodes_missing_value_tracks_true: attributes.indices('nodes_missing_value_tracks_true'),
  };
  checkLengths(count, lists, ['nodes_missing_value_tracks_true']);
  const mode = Uint8Array.from(words, modeOf);
  const trees = lists.nodes_treeids;
  const places = nodePlaces(trees, lists.nodes_nodeids);
  const children = { mode, places, trees };
  const { weightStart, weights } = leafWeights(attributes, kind === 'classifier' ? 'class' : 'target', children);
  const classes = kind === 'classifier' ? classLabels(attributes) : undefined;
  return {
    kind,
    nodes: {
      count,
      mode,
      feature: lists.nodes_featureids,
      threshold: lists.nodes_values.map((value, at) => (mode[at] === nodeMode.LEAF ? 0 : value)),
      trueChild: childPlaces(lists.nodes_truenodeids, children),
      falseChild: childPlaces(lists.nodes_falsenodeids, children),
      missingTracksTrue: Uint8Array.from({ length: count }, (_, at) =>
        lists.nodes_missing_value_tracks_true[at] === 1 ? 1 : 0,
      ),
      weightStart,
    },
    roots: rootPlaces(trees),
    weights,
    members: new Map(),
    features: 0,
    targets: classes?.length ?? attributes.int('n_targets', 0),
    baseValues: attributes.numbers('base_values'),
    aggregate: aggregates.byName(attributes.string('aggregate_function', 'SUM')),
    postTransform: postTransforms.byName(attributes.string('post_transform', 'NONE')),
    ...(classes !== undefined && { classes }),
  };
}

function modeOf(word: string): number {
  const mode = nodeMode[word.replace('BRANCH_', '') as NodeModeName] as number | undefined;
  if (mode === undefined || mode === nodeMode.MEMBER) throw new TreeEnsembleError(`nodes_modes holds '${word}'`);
  return mode;
}

function nodePlaces(trees: Int32Array, numbers: Int32Array): NodePlaces {
  const places = new Map<number, Map<number, number>>();
  trees.forEach((tree, at) => {
    const number = numbers[at] ?? -1;
    const ofTree = places.get(tree) ?? new Map<number, number>();
    if (ofTree.has(number)) throw new TreeEnsembleError(`node ${number} of tree ${tree} is there twice`);
    places.set(tree, ofTree.set(number, at));
  });
  return places;
}

/** A tree starts at the first of its nodes, which stand together. */
function rootPlaces(trees: Int32Array): Int32Array {
  const roots: number[] = [];
  const begun = new Set<number>();
  trees.forEach((tree, at) => {
    if (at > 0 && trees[at - 1] === tree) return;
    if (begun.has(tree)) throw new TreeEnsembleError(`the nodes of tree ${tree} do not stand together`);
    begun.add(tree);
    roots.push(at);
  });
  return Int32Array.from(roots);
}

function childPlaces(numbers: Int32Array, { mode, places, trees }: Children): Int32Array {
  return numbers.map((number, at) => {
    if (mode[at] === nodeMode.LEAF) return -1;
    const place = places.get(trees[at] ?? -1)?.get(number);
    if (place === undefined) throw new TreeEnsembleError(`node ${at} names child ${number}, which is not in its tree`);
    return place;
  });
}

/** The weights by the place of their leaf, in the order of the file. Those of a node that is no leaf count for nothing. */
function leafWeights(attributes: NodeAttributes, prefix: 'class' | 'target', { mode, places }: Children) {
  const lists = {
    [`${prefix}_ids`]: attributes.indices(`${prefix}_ids`),
    [`${prefix}_treeids`]: attributes.indices(`${prefix}_treeids`),
    [`${prefix}_nodeids`]: attributes.indices(`${prefix}_nodeids`),
    [`${prefix}_weights`]: attributes.numbers(`${prefix}_weights`),
  };
  const [targets, trees, numbers, values] = Object.values(lists) as [Int32Array, Int32Array, Int32Array, Float64Array];
  checkLengths(targets.length, lists);
  const leaves = targets.map((_, at) => places.get(trees[at] ?? -1)?.get(numbers[at] ?? -1) ?? -1);
  const lost = leaves.indexOf(-1);
  if (lost >= 0) throw new TreeEnsembleError(`${prefix}_nodeids[${lost}] names a node that is not there`);
  const kept = [...leaves.keys()].filter((at) => mode[leaves[at] ?? -1] === nodeMode.LEAF);
  kept.sort((a, b) => (leaves[a] ?? 0) - (leaves[b] ?? 0));
  const weightStart = new Int32Array(mode.length + 1);
  for (const at of kept) weightStart[(leaves[at] ?? 0) + 1]!++;
  for (let at = 0; at < mode.length; at++) weightStart[at + 1]! += weightStart[at]!;
  const weights = {
    target: Int32Array.from(kept, (at) => targets[at] ?? 0),
    value: Float64Array.from(kept, (at) => values[at] ?? 0),
  };
  return { weightStart, weights };
}

function classLabels(attributes: NodeAttributes): readonly string[] | BigInt64Array {
  const strings = attributes.strings('classlabels_strings');
  return strings.length > 0 ? strings : attributes.int64s('classlabels_int64s');
}
