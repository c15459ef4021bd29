import type { OnnxNode } from '../onnx/graph.js';
import { checkLengths, NodeAttributes } from '../onnx/node-attributes.js';
import { nodeMode, TreeEnsembleError, type TreeEnsemble } from './tree-ensemble.js';
import { aggregates, postTransforms } from './tree-words.js';

/** Modes by the numbers of version 5. */
const modes = [
  nodeMode.LEQ,
  nodeMode.LT,
  nodeMode.GTE,
  nodeMode.GT,
  nodeMode.EQ,
  nodeMode.NEQ,
  nodeMode.MEMBER,
] as const;

type LeafLists = Readonly<Record<'leaf_targetids' | 'leaf_weights', ArrayLike<number>>>;

/** TreeEnsemble version 5: nodes are linked by index over all trees, leaves stand in lists of their own with one weight each. */
export function readLinkedTrees(node: OnnxNode): TreeEnsemble {
  const attributes = new NodeAttributes(node);
  const splits = attributes.tensor('nodes_splits');
  const count = splits.length;
  const lists = nodeLists(attributes, count);
  const leaves = {
    leaf_targetids: attributes.indices('leaf_targetids'),
    leaf_weights: attributes.tensor('leaf_weights'),
  };
  checkLengths(leaves.leaf_weights.length, leaves);
  const built = new NodeBuilder(count, leaves);
  const trueChild = built.children(lists.nodes_truenodeids, lists.nodes_trueleafs);
  const falseChild = built.children(lists.nodes_falsenodeids, lists.nodes_falseleafs);
  const total = count + built.leaves.length;
  const mode = padded(new Uint8Array(total), Uint8Array.from(lists.nodes_modes, modeOf));
  const members = memberValues(mode, attributes.tensor('membership_values'));
  return {
    kind: 'regressor',
    nodes: {
      count: total,
      mode,
      feature: padded(new Int32Array(total), lists.nodes_featureids),
      threshold: padded(
        new Float64Array(total),
        splits.map((split, at) => (members.has(at) ? 0 : split)),
      ),
      trueChild: padded(new Int32Array(total).fill(-1), trueChild),
      falseChild: padded(new Int32Array(total).fill(-1), falseChild),
      missingTracksTrue: padded(
        new Uint8Array(total),
        lists.nodes_missing_value_tracks_true.map((flag) => (flag === 1 ? 1 : 0)),
      ),
      weightStart: Int32Array.from({ length: total + 1 }, (_, at) => Math.max(0, at - count)),
    },
    roots: attributes.indices('tree_roots'),
    weights: built.weights(),
    members,
    features: 0,
    targets: attributes.int('n_targets', 0),
    baseValues: new Float64Array(0),
    aggregate: aggregates.byNumber(attributes.int('aggregate_function', 1)),
    postTransform: postTransforms.byNumber(attributes.int('post_transform', 0)),
  };
}

function nodeLists(attributes: NodeAttributes, count: number) {
  const lists = {
    nodes_modes: attributes.tensor('nodes_modes'),
    nodes_featureids: attributes.indices('nodes_featureids'),
    nodes_truenodeids: attributes.indices('nodes_truenodeids'),
    nodes_falsenodeids: attributes.indices('nodes_falsenodeids'),
    nodes_trueleafs: attributes.indices('nodes_trueleafs'),
    nodes_falseleafs: attributes.indices('nodes_falseleafs'),
    nodes_missing_value_tracks_true: attributes.indices('nodes_missing_value_tracks_true'),
  };
  checkLengths(count, lists, ['nodes_missing_value_tracks_true']);
  return lists;
}

/** Each reference to a leaf becomes a node of its own behind the inner nodes, so that no leaf has two parents. */
class NodeBuilder {
  readonly #inner: number;
  readonly #lists: LeafLists;
  /** The leaf that each added node stands for. */
  readonly leaves: number[] = [];

  constructor(inner: number, lists: LeafLists) {
    this.#inner = inner;
    this.#lists = lists;
  }

  children(numbers: Int32Array, leafFlags: Int32Array): Int32Array {
    return numbers.map((number, at) => {
      const limit = leafFlags[at] === 0 ? this.#inner : this.#lists.leaf_weights.length;
      if (number >= limit) throw new TreeEnsembleError(`node ${at} names child ${number} of ${limit}`);
      return leafFlags[at] === 0 ? number : this.#inner + this.leaves.push(number) - 1;
    });
  }

  weights(): TreeEnsemble['weights'] {
    const { leaf_targetids, leaf_weights } = this.#lists;
    return {
      target: Int32Array.from(this.leaves, (leaf) => leaf_targetids[leaf] ?? 0),
      value: Float64Array.from(this.leaves, (leaf) => leaf_weights[leaf] ?? 0),
    };
  }
}

function modeOf(number: number): number {
  const mode = modes[number];
  if (mode === undefined) throw new TreeEnsembleError(`nodes_modes holds ${number}`);
  return mode;
}

/** The sets of the MEMBER nodes follow each other in the order of the nodes, each ended by a NaN. */
function memberValues(mode: Uint8Array, values: Float64Array): ReadonlyMap<number, Float64Array> {
  const members = new Map<number, Float64Array>();
  let at = 0;
  mode.forEach((kind, node) => {
    if (kind !== nodeMode.MEMBER) return;
    const found = values.subarray(at).findIndex(Number.isNaN);
    const end = found < 0 ? values.length : at + found;
    members.set(node, values.slice(at, end));
    at = end + 1;
  });
  return members;
}

function padded<List extends Uint8Array | Int32Array | Float64Array>(list: List, start: ArrayLike<number>): List {
  list.set(start);
  return list;
}
