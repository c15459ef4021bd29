import type { OperatorCall, OperatorCompiler } from '../operator.js';
import { rounding, rowValue, type Step, type Value } from '../value.js';
import { applyPostTransform, isSupported } from '../post-transform.js';
import { postTransforms } from '../../trees/tree-words.js';

/** Above so many multiplications a row the vector instructions of onnxruntime win. */
const mostTerms = 6000;

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** Element (row, column) at row * columns + column: one row an output. */
  readonly weights: Float64Array;
}

/** output = matrix × input + bias, summed in float64 and rounded once; four outputs at a time. */
function product(input: Value, { rows, columns, weights }: Matrix, bias: Float64Array, output: Value): Step {
  const round = rounding(output.type);
  const x = input.numbers;
  const y = output.numbers;
  const run = () => {
    let row = 0;
    for (; row + 3 < rows; row += 4) {
      const start = row * columns;
      let a = bias[row]!;
      let b = bias[row + 1]!;
      let c = bias[row + 2]!;
      let d = bias[row + 3]!;
      for (let at = 0; at < columns; at++) {
        const value = x[at]!;
        a += value * weights[start + at]!;
        b += value * weights[start + columns + at]!;
        c += value * weights[start + 2 * columns + at]!;
        d += value * weights[start + 3 * columns + at]!;
      }
      y[row] = round(a);
      y[row + 1] = round(b);
      y[row + 2] = round(c);
      y[row + 3] = round(d);
    }
    for (; row < rows; row++) {
      let sum = bias[row]!;
      for (let at = 0; at < columns; at++) sum += x[at]! * weights[row * columns + at]!;
      y[row] = round(sum);
    }
  };
  return { run, noise: () => largestTerms(x, { rows, columns, weights }, bias) };
}

function largestTerms(x: Float64Array, { rows, columns, weights }: Matrix, bias: Float64Array): number {
  let most = 0;
  for (let row = 0; row < rows; row++) {
    let sum = Math.abs(bias[row] ?? 0);
    for (let at = 0; at < columns; at++) sum += Math.abs((x[at] ?? 0) * (weights[row * columns + at] ?? 0));
    most = Math.max(most, sum);
  }
  return most;
}

/** A constant [inputs, outputs] matrix, or its transpose, one row an output. */
function matrixOf(call: OperatorCall, value: Value, transposed: boolean): Matrix {
  const [first, second] = value.dims;
  if (value.dims.length !== 2 || typeof first !== 'number' || typeof second !== 'number')
    throw call.refusal('with such a matrix');
  const [rows, columns] = transposed ? [first, second] : [second, first];
  if (rows * columns > mostTerms) throw call.refusal(`of ${rows * columns} multiplications`);
  const weights = transposed
    ? value.numbers
    : value.numbers.map((_, at) => value.numbers[(at % columns) * rows + Math.floor(at / columns)]!);
  return { rows, columns, weights };
}

function checkedTable(call: OperatorCall): { readonly value: Value; readonly columns: number } {
  const table = call.table(0);
  if (table.value.type !== 'float32' || table.value.dims.length !== 2) throw call.refusal(`over ${table.value.type}`);
  return table;
}

const matMul: OperatorCompiler = (call) => {
  const { value, columns } = checkedTable(call);
  const matrix = matrixOf(call, call.constant(1), false);
  if (matrix.columns !== columns) throw call.refusal('with such a matrix');
  const output = rowValue(value.type, [null, matrix.rows]);
  return { outputs: [output], step: product(value, matrix, new Float64Array(matrix.rows), output) };
};

const gemm: OperatorCompiler = (call) => {
  const { value, columns } = checkedTable(call);
  const { attributes } = call;
  const scales = [attributes.float('alpha', 1), attributes.float('beta', 1)];
  if (attributes.int('transA', 0) !== 0 || scales.some((scale) => scale !== 1)) throw call.refusal('with factors');
  const matrix = matrixOf(call, call.constant(1), attributes.int('transB', 0) !== 0);
  const given = call.optional(2) === undefined ? undefined : call.constant(2).numbers;
  const bias = new Float64Array(matrix.rows).map((_, at) => given?.[given.length === 1 ? 0 : at] ?? 0);
  if (matrix.columns !== columns || (given && given.length !== 1 && given.length !== matrix.rows)) {
    throw call.refusal('with such a matrix');
  }
  const output = rowValue(value.type, [null, matrix.rows]);
  return { outputs: [output], step: product(value, matrix, bias, output) };
};

function coefficients(call: OperatorCall, outputs: number, columns: number): Matrix {
  const weights = call.attributes.numbers('coefficients');
  if (outputs < 1 || weights.length !== outputs * columns) throw call.refusal('with such coefficients');
  return { rows: outputs, columns, weights };
}

const linearRegressor: OperatorCompiler = (call) => {
  const { value, columns } = checkedTable(call);
  const { attributes } = call;
  const targets = attributes.int('targets', 1);
  const matrix = coefficients(call, targets, columns);
  const intercepts = attributes.numbers('intercepts');
  if (attributes.string('post_transform', 'NONE') !== 'NONE') throw call.refusal('with a post transform');
  if (intercepts.length !== 0 && intercepts.length !== targets) throw call.refusal('with such intercepts');
  const bias = intercepts.length === 0 ? new Float64Array(targets) : intercepts;
  const output = rowValue('float32', [null, targets]);
  return { outputs: [output], step: product(value, matrix, bias, output) };
};

const linearClassifier: OperatorCompiler = (call) => {
  const { value, columns } = checkedTable(call);
  const { attributes } = call;
  const intercepts = attributes.numbers('intercepts');
  const matrix = coefficients(call, intercepts.length, columns);
  const transform = postTransforms.byName(attributes.string('post_transform', 'NONE'));
  const strings = attributes.strings('classlabels_strings');
  const classes = strings.length > 0 ? strings.length : attributes.int64s('classlabels_ints').length;
  if (classes < 2 || classes !== matrix.rows || !isSupported(transform)) throw call.refusal('of one score');
  const scores = rowValue('float32', [null, classes]);
  const label = labelValue(call, strings, attributes.int64s('classlabels_ints'));
  const linear = product(value, matrix, intercepts, scores);
  const run = () => {
    linear.run();
    let best = 0;
    for (let at = 1; at < classes; at++) if (scores.numbers[at]! > scores.numbers[best]!) best = at;
    label.set(best);
    applyPostTransform(transform, scores.numbers);
  };
  return { outputs: [label.value, scores], step: { ...linear, run } };
};

/** The label of one row, by the place of its class. */
export function labelValue(call: OperatorCall, strings: readonly string[], numbers: BigInt64Array) {
  const value = rowValue(strings.length > 0 ? 'string' : 'int64', [null]);
  const exact = Float64Array.from(numbers, Number);
  if (exact.some((number) => !Number.isSafeInteger(number))) throw call.refusal('with labels beyond 2^53');
  const set =
    strings.length > 0
      ? (place: number) => void (value.strings[0] = strings[place]!)
      : (place: number) => void (value.numbers[0] = exact[place]!);
  return { value, set };
}

export const standardLinear: Readonly<Record<string, OperatorCompiler>> = { MatMul: matMul, Gemm: gemm };
export const mlLinear: Readonly<Record<string, OperatorCompiler>> = {
  LinearRegressor: linearRegressor,
  LinearClassifier: linearClassifier,
};
