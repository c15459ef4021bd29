import type { OnnxNode } from '../onnx/graph.js';
import { checkTrees, featureCount } from './check-trees.js';
import { readListedTrees } from './read-listed-trees.js';
import { readLinkedTrees } from './read-linked-trees.js';
import type { TreeEnsemble } from './tree-ensemble.js';

/** Operators of ai.onnx.ml that hold tree ensembles. */
const readers: ReadonlyMap<string, (node: OnnxNode) => TreeEnsemble> = new Map([
  ['TreeEnsembleClassifier', (node) => readListedTrees(node, 'classifier')],
  ['TreeEnsembleRegressor', (node) => readListedTrees(node, 'regressor')],
  ['TreeEnsemble', readLinkedTrees],
]);

export function isTreeEnsemble({ domain, opType }: OnnxNode): boolean {
  return domain === 'ai.onnx.ml' && readers.has(opType);
}

/**
 * Reads the trees of a node that `isTreeEnsemble`. Nothing in the result points outside of its arrays.
 * @throws TreeEnsembleError cyclic or dangling nodes; OnnxFormatError for attributes of a wrong type or length
 */
export function readTreeEnsemble(node: OnnxNode): TreeEnsemble {
  const read = readers.get(node.opType);
  if (read === undefined) throw new TypeError(`${node.opType} is no tree ensemble`);
  const ensemble = read(node);
  return checkTrees({ ...ensemble, features: featureCount(ensemble.nodes.mode, ensemble.nodes.feature) });
}
