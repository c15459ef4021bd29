import type { OperatorCall, OperatorCompiler } from '../operator.js';
import { rowValue, type Value } from '../value.js';

/** Columns of [N, C], by constant places. */
const gather: OperatorCompiler = (call) => {
  const input = call.input(0);
  const places = call.constant(1);
  const axis = call.attributes.int('axis', 0);
  if (input.constant || input.dims.length !== 2 || input.dims[0] !== null || (axis !== 1 && axis !== -1)) {
    throw call.refusal('of anything but columns');
  }
  return pickColumns(call, input, places);
};

/**
 * Columns by constant places; or, as exporters name the class of the largest score, a constant list by places that each row has:
 * the answer is [1, N] then.
 */
const arrayFeatureExtractor: OperatorCompiler = (call) => {
  const [input, places] = [call.input(0), call.input(1)];
  if (!input.constant && places.constant && input.dims.length === 2 && input.dims[0] === null) {
    return pickColumns(call, input, { ...places, dims: [places.numbers.length] });
  }
  const perRow = places.numbers.length === 1 && places.dims.includes(null);
  const list = input.dims.filter((size) => size !== 1).length <= 1;
  if (!input.constant || !perRow || !list) throw call.refusal('of such shapes');
  const output = rowValue(input.type, [1, null]);
  const run = () => {
    const place = places.numbers[0]!;
    if (input.type === 'string') output.strings[0] = input.strings[place]!;
    else output.numbers[0] = input.numbers[place]!;
  };
  return { outputs: [output], step: { run } };
};

function pickColumns(call: OperatorCall, input: Value, places: Value) {
  const columns = input.dims[1] ?? 1;
  const picks = places.numbers.map((place) => (place < 0 ? place + columns : place));
  if (picks.some((place) => !Number.isInteger(place) || place < 0 || place >= columns)) {
    throw call.refusal('of columns that are not there');
  }
  const output = rowValue(input.type, [null, ...places.dims]);
  const run =
    input.type === 'string'
      ? () => picks.forEach((place, at) => (output.strings[at] = input.strings[place]!))
      : () => {
          for (let at = 0; at < picks.length; at++) output.numbers[at] = input.numbers[picks[at]!]!;
        };
  return { outputs: [output], step: { run } };
}

/** The place of the largest of a row's columns; of equal ones the first. */
const argMax: OperatorCompiler = (call) => {
  const { value, columns } = call.table(0);
  const axis = call.attributes.int('axis', 0);
  if (value.dims.length !== 2 || (axis !== 1 && axis !== -1) || call.attributes.int('select_last_index', 0) !== 0) {
    throw call.refusal(`along axis ${axis}`);
  }
  const output = rowValue('int64', call.attributes.int('keepdims', 1) === 0 ? [null] : [null, 1]);
  const run = () => {
    let best = 0;
    for (let at = 1; at < columns; at++) if (value.numbers[at]! > value.numbers[best]!) best = at;
    output.numbers[0] = best;
  };
  return { outputs: [output], step: { run } };
};

export const selection: Readonly<Record<string, OperatorCompiler>> = {
  Gather: gather,
  ArrayFeatureExtractor: arrayFeatureExtractor,
  ArgMax: argMax,
};
