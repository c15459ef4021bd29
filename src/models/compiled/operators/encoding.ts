import type { OperatorCall, OperatorCompiler } from '../operator.js';
import { rowValue, type Value } from '../value.js';

type Key = string | number;

/** One column for each known category; an unknown one is all zeros, or fails the row where the model says so. */
const oneHotEncoder: OperatorCompiler = (call) => {
  const input = call.input(0);
  const { attributes } = call;
  const strings = input.type === 'string';
  const known: readonly Key[] = strings
    ? attributes.strings('cats_strings')
    : Array.from(attributes.int64s('cats_int64s'), Number);
  if (input.constant || known.length === 0) throw call.refusal(`over ${input.type}`);
  const places = new Map(known.map((category, place) => [category, place]));
  const zeros = attributes.int('zeros', 1) !== 0;
  const output = rowValue('float32', [...input.dims, known.length]);
  const elements: ArrayLike<Key> = strings ? input.strings : input.numbers;
  const run = () => {
    output.numbers.fill(0);
    for (let at = 0; at < elements.length; at++) {
      const value = elements[at]!;
      const place = places.get(typeof value === 'number' ? Math.trunc(value) : value);
      if (place !== undefined) output.numbers[at * known.length + place] = 1;
      else if (!zeros) throw new Error('a category is unknown to the one-hot encoder');
    }
  };
  return { outputs: [output], step: { run } };
};

const kinds = [
  { keys: 'strings', type: 'string' },
  { keys: 'int64s', type: 'int64' },
  { keys: 'floats', type: 'float32' },
] as const;

function listed(call: OperatorCall, name: string, kind: (typeof kinds)[number]): readonly Key[] {
  if (kind.keys === 'strings') return call.attributes.strings(`${name}_strings`);
  if (kind.keys === 'int64s') return Array.from(call.attributes.int64s(`${name}_int64s`), Number);
  return [...call.attributes.numbers(`${name}_floats`)];
}

/** LabelEncoder 2 and 4 with lists of keys and values. */
const labelEncoder: OperatorCompiler = (call) => {
  const input = call.input(0);
  const from = kinds.find((kind) => call.attributes.has(`keys_${kind.keys}`) && kind.type === input.type);
  const to = kinds.find((kind) => call.attributes.has(`values_${kind.keys}`));
  if (from === undefined || to === undefined) throw call.refusal('with such keys and values');
  const keys = listed(call, 'keys', from);
  const values = listed(call, 'values', to);
  // Of a key that is there twice the first counts.
  const table = new Map(keys.map((key, at) => [key, values[at]] as const).reverse());
  const fallback = defaultOf(call, to.keys);
  return mapped(input, rowValue(to.type, input.dims), (key) => table.get(key) ?? fallback);
};

function defaultOf({ attributes }: OperatorCall, kind: (typeof kinds)[number]['keys']): Key {
  if (kind === 'strings') return attributes.string('default_string', '_Unused');
  if (kind === 'int64s') return attributes.int('default_int64', -1);
  return attributes.float('default_float', -0);
}

function mapped(input: Value, output: Value, look: (key: Key) => Key) {
  const elements: ArrayLike<Key> = input.type === 'string' ? input.strings : input.numbers;
  const results: { [at: number]: Key } = output.type === 'string' ? output.strings : output.numbers;
  const run = () => {
    for (let at = 0; at < elements.length; at++) results[at] = look(elements[at]!);
  };
  return { outputs: [output], step: { run } };
}

export const encoding: Readonly<Record<string, OperatorCompiler>> = {
  OneHotEncoder: oneHotEncoder,
  LabelEncoder: labelEncoder,
};
