import { describe, expect, it } from 'vitest';
import { modelBytes, type AttributeSource } from '../../../test/support/onnx/model-bytes.js';
import { readOnnxGraph } from '../onnx/read-graph.js';
import { isTreeEnsemble, readTreeEnsemble } from './read-tree-ensemble.js';
import { nodeMode } from './tree-ensemble.js';

type Attributes = Readonly<Record<string, AttributeSource>>;

/** One test of feature 1 with 0.5, true to the leaf of 10, false to that of 20. */
const stump: Attributes = {
  nodes_treeids: { ints: [0, 0, 0] },
  nodes_nodeids: { ints: [0, 1, 2] },
  nodes_featureids: { ints: [1, 0, 0] },
  nodes_modes: { texts: ['BRANCH_LEQ', 'LEAF', 'LEAF'] },
  nodes_values: { floats: [0.5, 0, 0] },
  nodes_truenodeids: { ints: [1, 0, 0] },
  nodes_falsenodeids: { ints: [2, 0, 0] },
  nodes_missing_value_tracks_true: { ints: [1, 0, 0] },
  target_treeids: { ints: [0, 0] },
  target_nodeids: { ints: [1, 2] },
  target_ids: { ints: [0, 0] },
  target_weights: { floats: [10, 20] },
  n_targets: { int: 1 },
};

const tensor = (type: 1 | 2, data: readonly number[]): AttributeSource => ({
  tensor: { type, dims: [data.length], data },
});

/** The same as TreeEnsemble 5, with a second test of the set {1, 2} where the first is false. */
const linked: Attributes = {
  n_targets: { int: 1 },
  tree_roots: { ints: [0] },
  nodes_featureids: { ints: [1, 0] },
  nodes_modes: tensor(2, [0, 6]),
  nodes_splits: tensor(1, [0.5, 9]),
  nodes_truenodeids: { ints: [0, 1] },
  nodes_trueleafs: { ints: [1, 1] },
  nodes_falsenodeids: { ints: [1, 2] },
  nodes_falseleafs: { ints: [0, 1] },
  leaf_targetids: { ints: [0, 0, 0] },
  leaf_weights: tensor(1, [10, 20, 30]),
  membership_values: tensor(1, [1, 2, NaN]),
};

function read(op: string, attributes: Attributes) {
  const bytes = modelBytes({
    nodes: [{ op, domain: 'ai.onnx.ml', inputs: ['x'], outputs: ['y'], attributes }],
    inputs: [{ name: 'x', type: 1, dims: [null, 2] }],
    outputs: [{ name: 'y', type: 1, dims: [null, 1] }],
    mlOpset: op === 'TreeEnsemble' ? 5 : 3,
  });
  const node = readOnnxGraph(bytes).nodes[0]!;
  expect(isTreeEnsemble(node)).toBe(true);
  return readTreeEnsemble(node);
}

const regressor = (changes: Attributes) => () => read('TreeEnsembleRegressor', { ...stump, ...changes });
const ensemble = (changes: Attributes) => () => read('TreeEnsemble', { ...linked, ...changes });

describe('readTreeEnsemble', () => {
  it('reads listed trees', () => {
    const { nodes, roots, weights, features, targets, aggregate, postTransform, kind } = regressor({})();
    expect([...nodes.mode]).toEqual([nodeMode.LEQ, nodeMode.LEAF, nodeMode.LEAF]);
    expect([...nodes.trueChild]).toEqual([1, -1, -1]);
    expect([...nodes.falseChild]).toEqual([2, -1, -1]);
    expect([...nodes.missingTracksTrue]).toEqual([1, 0, 0]);
    expect([...nodes.weightStart]).toEqual([0, 0, 1, 2]);
    expect([...weights.value]).toEqual([10, 20]);
    expect({ roots: [...roots], features, targets, aggregate, postTransform, kind }).toEqual({
      roots: [0],
      features: 2,
      targets: 1,
      aggregate: 'SUM',
      postTransform: 'NONE',
      kind: 'regressor',
    });
  });

  it('reads doubles from tensors', () => {
    const values: AttributeSource = { tensor: { type: 11, dims: [3], data: [0.1, 0, 0] } };
    const { nodes_values: _, ...rest } = stump;
    expect(read('TreeEnsembleRegressor', { ...rest, nodes_values_as_tensor: values }).nodes.threshold[0]).toBe(0.1);
  });

  it('leaves out weights of nodes that are no leaves', () => {
    const ids = { target_nodeids: { ints: [0, 2] } };
    expect([...regressor(ids)().nodes.weightStart]).toEqual([0, 0, 0, 1]);
  });

  it('reads linked trees with sets', () => {
    const { nodes, members, weights } = ensemble({})();
    expect(nodes.count).toBe(5);
    expect([...nodes.mode]).toEqual([nodeMode.LEQ, nodeMode.MEMBER, 0, 0, 0]);
    expect([...nodes.trueChild]).toEqual([2, 3, -1, -1, -1]);
    expect([...nodes.falseChild]).toEqual([1, 4, -1, -1, -1]);
    expect(members.get(1)).toEqual(Float64Array.of(1, 2));
    expect([...weights.value]).toEqual([10, 20, 30]);
  });

  it.each([
    ['a child of no tree', regressor({ nodes_truenodeids: { ints: [7, 0, 0] } }), /child 7/],
    ['a cycle', regressor({ nodes_truenodeids: { ints: [0, 0, 0] } }), /reached in two ways/],
    ['a leaf with two parents', regressor({ nodes_falsenodeids: { ints: [1, 0, 0] } }), /reached in two ways/],
    ['a short list', regressor({ nodes_values: { floats: [1] } }), /nodes_values has 1 elements, not 3/],
    ['an unknown mode', regressor({ nodes_modes: { texts: ['BRANCH_XOR', 'LEAF', 'LEAF'] } }), /BRANCH_XOR/],
    ['a node listed twice', regressor({ nodes_nodeids: { ints: [0, 1, 1] } }), /there twice/],
    [
      'a tree in two places',
      regressor({
        nodes_treeids: { ints: [0, 1, 0] },
        nodes_modes: { texts: ['LEAF', 'LEAF', 'LEAF'] },
        target_nodeids: { ints: [0, 2] },
      }),
      /stand together/,
    ],
    ['a weight of no node', regressor({ target_nodeids: { ints: [1, 9] } }), /not there/],
    ['a weight of no target', regressor({ target_ids: { ints: [0, 3] } }), /target 3 of 1/],
    ['no targets', regressor({ n_targets: { int: 0 } }), /no target/],
    ['too many base values', regressor({ base_values: { floats: [1, 2, 3] } }), /base_values has 3/],
    ['a word for the aggregate', regressor({ aggregate_function: { text: 'MEDIAN' } }), /MEDIAN/],
    ['an attribute of another type', regressor({ n_targets: { text: 'one' } }), /n_targets is of type string/],
    ['values given twice', regressor({ nodes_values_as_tensor: tensor(1, [0, 0, 0]) }), /given twice/],
    ['an index beyond any array', regressor({ nodes_featureids: { ints: [2 ** 40, 0, 0] } }), /no index/],
    ['no trees', ensemble({ tree_roots: { ints: [] } }), /no trees/],
    ['a root that is no node', ensemble({ tree_roots: { ints: [99] } }), /no node/],
    ['a linked cycle', ensemble({ nodes_falsenodeids: { ints: [0, 2] } }), /reached in two ways/],
    ['a leaf that is not there', ensemble({ nodes_truenodeids: { ints: [3, 1] } }), /child 3 of 3/],
    ['a mode by a wrong number', ensemble({ nodes_modes: tensor(2, [0, 9]) }), /nodes_modes holds 9/],
    ['an aggregate by a wrong number', ensemble({ aggregate_function: { int: 8 } }), /aggregate_function is 8/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
