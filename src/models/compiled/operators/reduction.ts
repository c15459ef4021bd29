import type { OperatorCall, OperatorCompiler } from '../operator.js';
import { rounding, rowValue, widthOf, type Step, type Value } from '../value.js';

/** What a reduction makes of the elements of one group, of which each may be visited more than once. */
type Reduce = (elements: Float64Array) => number;

/** Over any axes but that of the rows. */
function reduction(reduce: Reduce): OperatorCompiler {
  return (call) => {
    const input = call.input(0);
    if (input.type !== 'float32' || input.constant) throw call.refusal(`over ${input.type}`);
    const axes = reducedAxes(call, input);
    const keep = call.attributes.int('keepdims', 1) !== 0;
    const dims = input.dims.flatMap((dim, axis) => (axes.has(axis) ? (keep ? [1] : []) : [dim]));
    const output = rowValue(input.type, dims);
    return { outputs: [output], step: reduceStep(input, output, { axes, reduce }) };
  };
}

function reducedAxes(call: OperatorCall, { dims }: Value): ReadonlySet<number> {
  const given = call.integers(1, 'axes') ?? [];
  const axes = new Set(given.map((axis) => (axis < 0 ? axis + dims.length : axis)));
  if (axes.size === 0 || [...axes].some((axis) => typeof dims[axis] !== 'number')) throw call.refusal('over the rows');
  return axes;
}

function reduceStep(
  input: Value,
  output: Value,
  { axes, reduce }: { readonly axes: ReadonlySet<number>; readonly reduce: Reduce },
): Step {
  const groups = groupPlaces(input.dims, axes, output.numbers.length);
  const elements = new Float64Array(groups[0]?.length ?? 0);
  const round = rounding(output.type);
  const run = () => {
    for (let group = 0; group < groups.length; group++) {
      const places = groups[group]!;
      for (let at = 0; at < places.length; at++) elements[at] = input.numbers[places[at]!]!;
      output.numbers[group] = round(reduce(elements));
    }
  };
  return { run, noise: () => input.numbers.reduce((sum, value) => sum + Math.abs(value), 0) };
}

/** The places of the elements that make each element of the output. */
function groupPlaces(dims: Value['dims'], axes: ReadonlySet<number>, count: number): readonly Int32Array[] {
  const groups: number[][] = Array.from({ length: count }, () => []);
  for (let place = 0; place < widthOf(dims); place++) {
    let rest = place;
    let group = 0;
    let stride = 1;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const size = dims[axis] ?? 1;
      if (!axes.has(axis)) {
        group += (rest % size) * stride;
        stride *= size;
      }
      rest = Math.floor(rest / size);
    }
    groups[group]?.push(place);
  }
  return groups.map((places) => Int32Array.from(places));
}

const sum: Reduce = (elements) => elements.reduce((total, value) => total + value, 0);

const logSumExp: Reduce = (elements) => {
  const most = elements.reduce((best, value) => (value > best ? value : best), -Infinity);
  const base = Number.isFinite(most) ? most : 0;
  return Math.log(elements.reduce((total, value) => total + Math.exp(value - base), 0)) + base;
};

export const reductions: Readonly<Record<string, OperatorCompiler>> = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((elements) => sum(elements) / elements.length),
  ReduceMax: reduction((elements) => elements.reduce((most, value) => (value > most ? value : most), -Infinity)),
  ReduceSumSquare: reduction((elements) => elements.reduce((total, value) => total + value * value, 0)),
  ReduceLogSumExp: reduction(logSumExp),
};
