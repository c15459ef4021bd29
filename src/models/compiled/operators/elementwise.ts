import type { OperatorCall, OperatorCompiler } from '../operator.js';
import type { TensorType } from '../../runtime.js';
import { isFloat, rounding, rowValue } from '../value.js';
import { broadcast } from './broadcast.js';

type Binary = (a: number, b: number) => number;
type Unary = (x: number) => number;

/** Floats in, floats of the same type out. */
function arithmetic(compute: Binary): OperatorCompiler {
  return (call) => {
    const [a, b] = [call.input(0), call.input(1)];
    if (a.type !== b.type || !isFloat(a)) throw call.refusal(`over ${a.type}`);
    return pairwise(call, a.type, compute);
  };
}

/** Numbers of one type in, bool out. */
function comparison(compute: Binary): OperatorCompiler {
  return (call) => {
    if (call.input(0).type === 'string') throw call.refusal('over strings');
    return pairwise(call, 'bool', compute);
  };
}

function pairwise(call: OperatorCall, type: TensorType, compute: Binary) {
  const [a, b] = [call.input(0), call.input(1)];
  const { dims, picks } = broadcast(call, [a, b]);
  const output = rowValue(type, dims);
  const [left, right] = picks as [Int32Array, Int32Array];
  const round = rounding(output.type);
  const run = () => {
    for (let at = 0; at < left.length; at++) {
      output.numbers[at] = round(compute(a.numbers[left[at]!]!, b.numbers[right[at]!]!));
    }
  };
  return { outputs: [output], step: { run } };
}

function each(call: OperatorCall, type: 'float32' | 'bool', compute: Unary) {
  const input = call.input(0);
  const output = rowValue(type, input.dims);
  const round = rounding(type);
  const run = () => {
    for (let at = 0; at < input.numbers.length; at++) output.numbers[at] = round(compute(input.numbers[at]!));
  };
  return { outputs: [output], step: { run } };
}

/** float32 in and out: float64 networks are too rare to be worth the proof. */
function float32Only(make: (call: OperatorCall) => Unary): OperatorCompiler {
  return (call) => {
    if (call.input(0).type !== 'float32') throw call.refusal(`over ${call.input(0).type}`);
    return each(call, 'float32', make(call));
  };
}

const unary = (compute: Unary) => float32Only(() => compute);

const leakyRelu = float32Only((call) => {
  const alpha = call.attributes.float('alpha', Math.fround(0.01));
  return (x) => (x >= 0 ? x : alpha * x);
});

const clip = float32Only((call) => {
  const low = call.optional(1) ? call.constant(1).numbers[0]! : call.attributes.float('min', -Infinity);
  const high = call.optional(2) ? call.constant(2).numbers[0]! : call.attributes.float('max', Infinity);
  return (x) => (x < low ? low : x > high ? high : x);
});

const isNaNOperator: OperatorCompiler = (call) => {
  if (!isFloat(call.input(0))) throw call.refusal(`over ${call.input(0).type}`);
  return each(call, 'bool', (x) => (Number.isNaN(x) ? 1 : 0));
};

const not: OperatorCompiler = (call) => {
  if (call.input(0).type !== 'bool') throw call.refusal(`over ${call.input(0).type}`);
  return each(call, 'bool', (x) => 1 - x);
};

const where: OperatorCompiler = (call) => {
  const [condition, yes, no] = [call.input(0), call.input(1), call.input(2)];
  const { dims, picks } = broadcast(call, [condition, yes, no]);
  const [test, left, right] = picks as [Int32Array, Int32Array, Int32Array];
  const output = rowValue(yes.type, dims);
  const numbers = () => {
    for (let at = 0; at < test.length; at++) {
      output.numbers[at] = condition.numbers[test[at]!] === 1 ? yes.numbers[left[at]!]! : no.numbers[right[at]!]!;
    }
  };
  const strings = () => {
    for (let at = 0; at < test.length; at++) {
      output.strings[at] = condition.numbers[test[at]!] === 1 ? yes.strings[left[at]!]! : no.strings[right[at]!]!;
    }
  };
  return { outputs: [output], step: { run: yes.type === 'string' ? strings : numbers } };
};

const flag = (condition: boolean) => (condition ? 1 : 0);

export const elementwise: Readonly<Record<string, OperatorCompiler>> = {
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => a / b),
  Pow: arithmetic((a, b) => a ** b),
  Equal: comparison((a, b) => flag(a === b)),
  Less: comparison((a, b) => flag(a < b)),
  LessOrEqual: comparison((a, b) => flag(a <= b)),
  Greater: comparison((a, b) => flag(a > b)),
  GreaterOrEqual: comparison((a, b) => flag(a >= b)),
  And: comparison((a, b) => a & b),
  Or: comparison((a, b) => a | b),
  Relu: unary((x) => (x < 0 ? 0 : x)),
  LeakyRelu: leakyRelu,
  Tanh: unary(Math.tanh),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Abs: unary(Math.abs),
  Neg: unary((x) => -x),
  Clip: clip,
  IsNaN: isNaNOperator,
  Not: not,
  Where: where,
};
