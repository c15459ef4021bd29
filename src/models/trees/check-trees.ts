import { nodeMode, TreeEnsembleError, type TreeEnsemble } from './tree-ensemble.js';

/**
 * Checks that every root leads to a tree: children are inside the arrays, no node is reached twice (so there are no cycles), and the
 * weights name targets that exist.
 * @throws TreeEnsembleError
 */
export function checkTrees(ensemble: TreeEnsemble): TreeEnsemble {
  const { nodes, roots, weights, targets, baseValues } = ensemble;
  if (targets < 1) throw new TreeEnsembleError('names no target and no class');
  if (roots.length === 0) throw new TreeEnsembleError('has no trees');
  if (baseValues.length > 1 && baseValues.length !== targets) {
    throw new TreeEnsembleError(`base_values has ${baseValues.length} elements for ${targets} targets`);
  }
  const wrong = weights.target.findIndex((target) => target >= targets);
  if (wrong >= 0) throw new TreeEnsembleError(`weight ${wrong} is for target ${weights.target[wrong]} of ${targets}`);
  const seen = new Uint8Array(nodes.count);
  for (const root of roots) walk(nodes, root, seen);
  return ensemble;
}

function walk(nodes: TreeEnsemble['nodes'], root: number, seen: Uint8Array): void {
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node < 0 || node >= nodes.count) throw new TreeEnsembleError(`a child of the tree at ${root} is no node`);
    if (seen[node] === 1) throw new TreeEnsembleError(`node ${node} is reached in two ways: the trees are no trees`);
    seen[node] = 1;
    if (nodes.mode[node] !== nodeMode.LEAF) open.push(nodes.falseChild[node] ?? -1, nodes.trueChild[node] ?? -1);
  }
}

/** One more than the largest feature index that a node compares. */
export function featureCount(mode: Uint8Array, feature: Int32Array): number {
  return feature.reduce((most, index, node) => (mode[node] === nodeMode.LEAF ? most : Math.max(most, index + 1)), 0);
}
