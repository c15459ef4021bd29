import type { OperatorCall, OperatorCompiler } from '../operator.js';
import type { TensorType } from '../../runtime.js';
import { onnxElementType } from '../../onnx/graph.js';
import { rowValue, viewOf, widthOf, type Value } from '../value.js';

const typesByNumber = new Map(
  Object.entries(onnxElementType).map(([name, number]) => [number as number, name as TensorType]),
);

const identity: OperatorCompiler = (call) => ({ outputs: [call.input(0)] });

const cast: OperatorCompiler = (call) => {
  const input = call.input(0);
  const type = typesByNumber.get(call.attributes.int('to', 0));
  if (type === input.type) return { outputs: [input] };
  const convert = type && input.type !== 'string' ? conversions.get(type) : undefined;
  if (type === undefined || convert === undefined) throw call.refusal(`from ${input.type} to ${type ?? 'a rare type'}`);
  const output = rowValue(type, input.dims);
  const run = () => {
    for (let at = 0; at < input.numbers.length; at++) output.numbers[at] = convert(input.numbers[at]!);
  };
  return { outputs: [output], step: { run } };
};

const conversions: ReadonlyMap<TensorType, (x: number) => number> = new Map([
  ['float32', Math.fround],
  ['float64', (x: number) => x],
  ['int64', Math.trunc],
  ['int32', Math.trunc],
  ['bool', (x: number) => (x === 0 ? 0 : 1)],
]);

/** The rows are the slowest index of a row-wise value, so any shape that keeps its elements a row in order is a view. */
function reshaped(call: OperatorCall, input: Value, dims: readonly (number | null)[]): Value {
  if (widthOf(dims) !== widthOf(input.dims)) throw call.refusal('to another number of elements a row');
  return viewOf(input, dims);
}

const reshape: OperatorCompiler = (call) => {
  const input = call.input(0);
  const shape = [...call.constant(1).numbers];
  if (input.constant) throw call.refusal('of constants');
  const width = widthOf(input.dims);
  const known = shape.map((size, axis) => (size === 0 ? (input.dims[axis] ?? null) : size));
  const rest = known.reduce<number>((product, size) => product * (size === null || size === -1 ? 1 : size), 1);
  const open = known.indexOf(-1);
  if (open < 0) {
    if (known.includes(null)) return { outputs: [reshaped(call, input, known)] };
    throw call.refusal('to a fixed number of rows');
  }
  // Where the rows have a place already, -1 is what is left of a row; else it is the rows.
  const size = known.includes(null) ? width / rest : null;
  return {
    outputs: [
      reshaped(
        call,
        input,
        known.map((one) => (one === -1 ? size : one)),
      ),
    ],
  };
};

const flatten: OperatorCompiler = (call) => {
  const input = call.input(0);
  const axis = call.attributes.int('axis', 1);
  if (axis !== 1 || input.dims[0] !== null) throw call.refusal(`at axis ${axis}`);
  return { outputs: [viewOf(input, [null, widthOf(input.dims)])] };
};

const squeeze: OperatorCompiler = (call) => {
  const input = call.input(0);
  const { dims } = input;
  const axes = call.integers(1, 'axes')?.map((axis) => (axis < 0 ? axis + dims.length : axis));
  if (axes === undefined) throw call.refusal('of all axes');
  if (axes.some((axis) => dims[axis] !== 1)) throw call.refusal('of the rows');
  return {
    outputs: [
      viewOf(
        input,
        dims.filter((_, axis) => !axes.includes(axis)),
      ),
    ],
  };
};

const unsqueeze: OperatorCompiler = (call) => {
  const input = call.input(0);
  const axes = call.integers(1, 'axes') ?? [];
  const rank = input.dims.length + axes.length;
  const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  const left = [...input.dims];
  const dims = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (left.shift() ?? null)));
  return { outputs: [viewOf(input, dims)] };
};

/** Along any axis but that of the rows. */
const concat: OperatorCompiler = (call) => {
  const { inputs } = call;
  const [first] = inputs;
  const rank = first?.dims.length ?? 0;
  const given = call.attributes.int('axis', 0);
  const axis = given < 0 ? given + rank : given;
  const alike = ({ dims, type }: Value) =>
    type === first?.type && dims.length === rank && dims.every((dim, at) => at === axis || dim === first.dims[at]);
  if (first === undefined || first.dims[axis] === null || !inputs.every(alike)) throw call.refusal('of such shapes');
  return joined(inputs, axis);
};

/** The columns of all inputs as float32. */
const featureVectorizer: OperatorCompiler = (call) => {
  const { inputs } = call;
  if (inputs.some(({ dims, type }) => dims.length !== 2 || dims[0] !== null || type !== 'float32')) {
    throw call.refusal('of anything but float32 columns');
  }
  return joined(inputs, 1);
};

function joined(inputs: readonly Value[], axis: number) {
  const dims = (inputs[0]?.dims ?? []).map((dim, at) =>
    at === axis ? inputs.reduce((sum, input) => sum + (input.dims[axis] ?? 0), 0) : dim,
  );
  const output = rowValue(inputs[0]?.type ?? 'float32', dims);
  const blocks = widthOf(dims.slice(0, axis));
  const sizes = inputs.map((input) => widthOf(input.dims.slice(axis)));
  const move = (to: { [at: number]: unknown }, from: readonly ArrayLike<unknown>[]) => {
    let at = 0;
    for (let block = 0; block < blocks; block++) {
      for (let part = 0; part < from.length; part++) {
        const size = sizes[part]!;
        const elements = from[part]!;
        for (let element = block * size; element < (block + 1) * size; element++) to[at++] = elements[element];
      }
    }
  };
  const numbers = inputs.map((input) => input.numbers);
  const strings = inputs.map((input) => input.strings);
  const run = output.type === 'string' ? () => move(output.strings, strings) : () => move(output.numbers, numbers);
  return { outputs: [output], step: { run } };
}

export const shape: Readonly<Record<string, OperatorCompiler>> = {
  Identity: identity,
  Cast: cast,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  FeatureVectorizer: featureVectorizer,
};
