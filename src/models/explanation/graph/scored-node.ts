import { classLabels } from '../../onnx/class-labels.js';
import type { OnnxGraph, OnnxNode } from '../../onnx/graph.js';
import { NodeAttributes } from '../../onnx/node-attributes.js';
import { isTreeEnsemble, readTreeEnsemble } from '../../trees/read-tree-ensemble.js';
import type { PostTransform, TreeEnsemble } from '../../trees/tree-ensemble.js';
import { postTransforms } from '../../trees/tree-words.js';
import type { LinearScores } from '../exact/linear.js';
import { unexplainable } from '../exact/ordered-trees.js';

/** What the raw scores of a node mean. */
export interface ScoreMeaning {
  readonly kind: 'classifier' | 'regressor';
  readonly transform: PostTransform;
  /** The one score that tells of the second of two classes; undefined where each class or output has a score of its own. */
  readonly positive: number | undefined;
}

/** The one node of a graph whose raw scores can be explained exactly. */
export type ScoredNode = ScoredTrees | ScoredLinear;

export interface ScoredTrees {
  readonly kind: 'trees';
  readonly node: OnnxNode;
  readonly meaning: ScoreMeaning;
  readonly ensemble: TreeEnsemble;
}

export interface ScoredLinear {
  readonly kind: 'linear';
  readonly node: OnnxNode;
  readonly meaning: ScoreMeaning;
  readonly linear: LinearScores;
  /** As in the graph. */
  readonly coefficients: Float64Array;
}

const linearOperators = ['LinearClassifier', 'LinearRegressor'];

/** Finds it, or says why there is none, in words. @throws OnnxFormatError, TreeEnsembleError for attributes that cannot be read */
export function scoredNode(graph: OnnxGraph): ScoredNode | string {
  const found = graph.nodes.filter((node) => isTreeEnsemble(node) || linearOperators.includes(node.opType));
  const [node] = found;
  if (node === undefined) return 'the graph is neither trees nor linear';
  if (found.length > 1)
    return `the graph joins ${found.length} models (${found.map(({ opType }) => opType).join(', ')})`;
  return isTreeEnsemble(node) ? treesOf(node) : linearOf(node);
}

function treesOf(node: OnnxNode): ScoredNode | string {
  const ensemble = readTreeEnsemble(node);
  const reason = unexplainable(ensemble);
  if (reason !== undefined) return reason;
  const { kind, postTransform: transform, targets, weights, baseValues } = ensemble;
  const used = new Set(weights.target);
  const [only = 0] = used;
  const alone = kind === 'classifier' && targets === 2 && used.size === 1;
  if (alone && baseValues.length > 1) return 'the base values are of two classes, the trees of one';
  const positive = alone ? only : positiveOf(kind, targets, transform);
  return { node, kind: 'trees', ensemble, meaning: { kind, transform, positive } };
}

function linearOf(node: OnnxNode): ScoredNode | string {
  const attributes = new NodeAttributes(node);
  const kind = node.opType === 'LinearClassifier' ? 'classifier' : 'regressor';
  const transform = postTransforms.byName(attributes.string('post_transform', 'NONE'));
  const coefficients = attributes.numbers('coefficients');
  const given = attributes.numbers('intercepts');
  const targets = kind === 'regressor' ? attributes.int('targets', 1) : (classLabels(node)?.length ?? given.length);
  if (targets < 1 || coefficients.length % targets !== 0) return 'the coefficients do not fit the classes';
  const intercepts = given.length === targets ? given : new Float64Array(targets);
  const linear = { targets, columns: coefficients.length / targets, coefficients, intercepts };
  if (kind === 'classifier' && targets === 2 && transform === 'SOFTMAX') {
    const meaning: ScoreMeaning = { kind, transform: 'LOGISTIC', positive: 0 };
    return { node, kind: 'linear', linear: difference(linear), coefficients, meaning };
  }
  const meaning = { kind, transform, positive: positiveOf(kind, targets, transform) } as const;
  return { node, kind: 'linear', linear, coefficients, meaning };
}

/** The log-odds of the second of two classes under SOFTMAX: the difference of the scores. */
function difference({ columns, coefficients, intercepts }: LinearScores): LinearScores {
  return {
    targets: 1,
    columns,
    coefficients: coefficients.slice(columns).map((value, at) => value - (coefficients[at] ?? 0)),
    intercepts: Float64Array.of((intercepts[1] ?? 0) - (intercepts[0] ?? 0)),
  };
}

function positiveOf(kind: ScoreMeaning['kind'], targets: number, transform: PostTransform): number | undefined {
  return kind === 'classifier' && targets === 2 && !transform.startsWith('SOFTMAX') ? 1 : undefined;
}
