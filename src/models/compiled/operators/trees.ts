import { readTreeEnsemble } from '../../trees/read-tree-ensemble.js';
import type { TreeEnsemble } from '../../trees/tree-ensemble.js';
import type { OperatorCall, OperatorCompiler } from '../operator.js';
import { applyPostTransform, isSupported } from '../post-transform.js';
import { ClassScores, dropUnscored } from '../trees/class-scores.js';
import type { Precision } from '../trees/next-float.js';
import { treeSums, type TreeSums } from '../trees/tree-sums.js';
import { rounding, rowValue } from '../value.js';
import { labelValue } from './linear.js';

/** The ensemble, its sums over rows of the node's input, and the precision that onnxruntime gives them for that type. */
function readTrees(call: OperatorCall) {
  const { value, columns } = call.table(0);
  const ensemble = readTreeEnsemble(call.node);
  const { features, postTransform } = ensemble;
  if (!['float32', 'float64', 'int64', 'int32'].includes(value.type)) throw call.refusal(`over ${value.type}`);
  if (features > columns) throw call.refusal(`over ${columns} columns that compares feature ${features - 1}`);
  if (!isSupported(postTransform)) throw call.refusal(`with ${postTransform}`);
  const precision: Precision = value.type === 'float64' ? 'float64' : 'float32';
  return { value, ensemble, precision, sums: treeSums(ensemble, precision) };
}

const classifier: OperatorCompiler = (call) => {
  const { value, ensemble, precision, sums } = readTrees(call);
  const { classes = [] } = ensemble;
  if (classes.length < 2) throw call.refusal('of one class');
  const strings = classes instanceof BigInt64Array ? [] : classes;
  const finisher = new ClassScores(ensemble, rounding(precision));
  const numbers = classes instanceof BigInt64Array ? classes : new BigInt64Array(0);
  const label = labelValue(call, strings, finisher.plainLabels ? BigInt64Array.of(0n, 1n) : numbers);
  const scores = rowValue('float32', [null, classes.length]);
  const run = () => {
    sums.compute(value.numbers);
    label.set(finisher.finish(sums.scores, sums.scored));
    for (let at = 0; at < scores.numbers.length; at++) scores.numbers[at] = Math.fround(sums.scores[at]!);
  };
  return {
    outputs: [label.value, scores],
    step: { run, noise: () => sums.noise(), trees: { ensemble, precision, row: value.numbers } },
  };
};

/** TreeEnsembleRegressor always answers in float32, TreeEnsemble in its input's type. */
const regressor: OperatorCompiler = (call) => {
  const { value, ensemble, precision, sums } = readTrees(call);
  const output = rowValue(call.node.opType === 'TreeEnsemble' ? precision : 'float32', [null, ensemble.targets]);
  const finish = regressionFinish(ensemble, rounding(precision));
  const round = rounding(output.type);
  const run = () => {
    sums.compute(value.numbers);
    finish(sums);
    for (let at = 0; at < output.numbers.length; at++) output.numbers[at] = round(sums.scores[at]!);
  };
  return {
    outputs: [output],
    step: { run, noise: () => sums.noise(), trees: { ensemble, precision, row: value.numbers } },
  };
};

/** Mean and base values. With one target onnxruntime leaves transforms out. */
function regressionFinish(ensemble: TreeEnsemble, round: (x: number) => number): (sums: TreeSums) => void {
  const { targets, baseValues, aggregate, postTransform, roots } = ensemble;
  const bases = new Float64Array(targets).map((_, at) => (baseValues.length === targets ? baseValues[at]! : 0));
  const divisor = aggregate === 'AVERAGE' ? roots.length : 1;
  return ({ scores, scored }) => {
    for (let at = 0; at < targets; at++) scores[at] = round(round(scores[at]! / divisor) + bases[at]!);
    dropUnscored(scores, scored);
    if (targets > 1) applyPostTransform(postTransform, scores);
  };
}

export const trees: Readonly<Record<string, OperatorCompiler>> = {
  TreeEnsembleClassifier: classifier,
  TreeEnsembleRegressor: regressor,
  TreeEnsemble: regressor,
};
