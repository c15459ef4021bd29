import type { OperatorCompiler } from '../operator.js';
import { rowValue } from '../value.js';
import { softmax } from '../post-transform.js';

/** (x - offset) × scale, each rounded to float32. */
const scaler: OperatorCompiler = (call) => {
  const { value, columns } = call.table(0);
  const offset = call.attributes.numbers('offset');
  const scale = call.attributes.numbers('scale');
  if (offset.length !== scale.length || (scale.length !== 1 && scale.length !== columns)) {
    throw call.refusal('with such a scale');
  }
  const output = rowValue('float32', value.dims);
  const one = scale.length === 1;
  const run = () => {
    for (let at = 0; at < columns; at++) {
      const place = one ? 0 : at;
      output.numbers[at] = Math.fround(Math.fround(Math.fround(value.numbers[at]!) - offset[place]!) * scale[place]!);
    }
  };
  return { outputs: [output], step: { run } };
};

/** Puts a column's value where the value that means "missing" stands, which may be NaN. */
const imputer: OperatorCompiler = (call) => {
  const { value, columns } = call.table(0);
  const { attributes } = call;
  const floats = value.type === 'float32';
  if (!floats && value.type !== 'int64') throw call.refusal(`over ${value.type}`);
  const imputed = floats
    ? attributes.numbers('imputed_value_floats')
    : Float64Array.from(attributes.int64s('imputed_value_int64s'), Number);
  const missing = floats ? attributes.float('replaced_value_float', 0) : attributes.int('replaced_value_int64', 0);
  if (imputed.length === 0) throw call.refusal('without a value');
  const output = rowValue(value.type, value.dims);
  const run = () => {
    for (let at = 0; at < columns; at++) {
      const x = value.numbers[at]!;
      const replaced = x === missing || (Number.isNaN(missing) && Number.isNaN(x));
      output.numbers[at] = replaced ? imputed[imputed.length === columns ? at : 0]! : x;
    }
  };
  return { outputs: [output], step: { run } };
};

const binarizer: OperatorCompiler = (call) => {
  const { value, columns } = call.table(0);
  if (value.type !== 'float32') throw call.refusal(`over ${value.type}`);
  const threshold = call.attributes.float('threshold', 0);
  const output = rowValue('float32', value.dims);
  const run = () => {
    for (let at = 0; at < columns; at++) {
      const x = value.numbers[at]!;
      if (Number.isNaN(x)) throw new Error('the binarizer refuses NaN');
      output.numbers[at] = x > threshold ? 1 : 0;
    }
  };
  return { outputs: [output], step: { run } };
};

type Norm = (x: Float64Array, y: Float64Array) => void;

const norms: Readonly<Record<string, Norm>> = {
  MAX: (x, y) => {
    let most = -3.4028234663852886e38;
    for (const value of x) if (value > most) most = value;
    divide(x, most, y);
  },
  L1: (x, y) => {
    let sum = 0;
    for (const value of x) sum = Math.fround(sum + Math.abs(value));
    divide(x, sum, y);
  },
  L2: (x, y) => {
    let sum = 0;
    for (const value of x) sum = Math.fround(sum + Math.fround(value * value));
    if (sum === 0) return y.set(x);
    for (let at = 0; at < x.length; at++) {
      const root = Math.fround(Math.sqrt(Math.fround(Math.fround(x[at]! * x[at]!) / sum)));
      y[at] = x[at]! < 0 ? -root : root;
    }
  },
};

function divide(x: Float64Array, by: number, y: Float64Array): void {
  for (let at = 0; at < x.length; at++) y[at] = by === 0 ? x[at]! : Math.fround(x[at]! / by);
}

const normalizer: OperatorCompiler = (call) => {
  const { value } = call.table(0);
  const norm = norms[call.attributes.string('norm', 'MAX')];
  if (norm === undefined || value.type !== 'float32' || value.dims.length !== 2) throw call.refusal('of this kind');
  const output = rowValue('float32', value.dims);
  return { outputs: [output], step: { run: () => norm(value.numbers, output.numbers) } };
};

const softmaxOperator: OperatorCompiler = (call) => {
  const { value } = call.table(0);
  const axis = call.attributes.int('axis', call.opset < 13 ? 1 : -1);
  if (value.type !== 'float32' || value.dims.length !== 2 || (axis !== 1 && axis !== -1)) {
    throw call.refusal('of this shape');
  }
  const output = rowValue('float32', value.dims);
  const run = () => {
    output.numbers.set(value.numbers);
    softmax(output.numbers, false);
  };
  return { outputs: [output], step: { run } };
};

export const standardScaling: Readonly<Record<string, OperatorCompiler>> = { Softmax: softmaxOperator };
export const mlScaling: Readonly<Record<string, OperatorCompiler>> = {
  Scaler: scaler,
  Imputer: imputer,
  Binarizer: binarizer,
  Normalizer: normalizer,
};
