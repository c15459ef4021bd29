import type { OnnxGraph, OnnxNode } from '../../onnx/graph.js';
import { NodeAttributes } from '../../onnx/node-attributes.js';

/**
 * From which feature each element of a value comes, as its position. `any`: all elements from the same one, however many there are. A constant comes from
 * none and has a width.
 */
export type Origins =
  { readonly columns: readonly number[] } | { readonly any: number } | { readonly constant: number };

/** Columns that come from several features, or in a way that is not known. The message says where. */
export class MixedColumns extends Error {
  override readonly name = 'MixedColumns';
}

type Rule = (inputs: readonly Origins[], node: OnnxNode, graph: OnnxGraph) => Origins | undefined;

const names = (words: string): readonly string[] => words.split(' ');

/** Each element of the output is made of the same element of the inputs. */
const elementwise = names(
  'Identity Cast Reshape Flatten Squeeze Unsqueeze Clip Abs Neg Log Exp Sqrt Floor Ceil Round IsNaN Not Sign Relu Sigmoid Tanh Imputer ' +
    'Scaler Binarizer LabelEncoder Add Sub Mul Div Pow Equal Less Greater LessOrEqual GreaterOrEqual And Or Where Max Min',
);
/** Their further inputs say how, not what. */
const shaped = names('Reshape Flatten Squeeze Unsqueeze Clip');

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...elementwise.map((name): [string, Rule] => [
    name,
    (inputs) => sameElements(shaped.includes(name) ? inputs.slice(0, 1) : inputs),
  ]),
  ['Concat', joined],
  ['FeatureVectorizer', joined],
  ['OneHotEncoder', oneHot],
  ['ArrayFeatureExtractor', picked],
  ['Gather', (inputs, node, graph) => ([1, -1].includes(axisOf(node)) ? picked(inputs, node, graph) : undefined)],
]);

/**
 * Follows a value back to the graph's inputs. `inputs`: the features that fill a row of each.
 * @throws MixedColumns
 */
export function columnOrigins(
  graph: OnnxGraph,
  value: string,
  inputs: ReadonlyMap<string, readonly number[]>,
): Extract<Origins, { columns: unknown } | { any: unknown }> {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const known = new Map<string, Origins>([...inputs].map(([name, columns]) => [name, { columns }]));
  const follow = (name: string): Origins => {
    let origins = known.get(name);
    if (origins === undefined) {
      origins = producedBy(name);
      known.set(name, origins);
    }
    return origins;
  };
  const producedBy = (name: string): Origins => {
    const constant = graph.initializers.get(name);
    if (constant !== undefined) return { constant: constant.dims.reduce((product, dim) => product * dim, 1) };
    const node = producers.get(name);
    if (node === undefined) throw new MixedColumns(`nothing produces '${name}'`);
    if (node.opType === 'Constant') return { constant: 1 };
    const sources = node.inputs.filter((input) => input !== '').map(follow);
    return rules.get(node.opType)?.(sources, node, graph) ?? uniform(sources, node);
  };
  const origins = follow(value);
  if ('constant' in origins) throw new MixedColumns('the model sees constants only');
  return origins;
}

/** Whatever an operator does: what is made of one feature alone comes from that feature. */
function uniform(sources: readonly Origins[], node: OnnxNode): Origins {
  const features = new Set(
    sources.flatMap((origins) => ('columns' in origins ? origins.columns : 'any' in origins ? origins.any : [])),
  );
  const [feature] = features;
  if (feature !== undefined && features.size === 1) return { any: feature };
  if (features.size === 0) return { constant: 1 };
  throw new MixedColumns(`${node.opType} makes columns of several features`);
}

function sameElements(inputs: readonly Origins[]): Origins | undefined {
  const lists = inputs.flatMap((origins) => ('columns' in origins ? [origins.columns] : []));
  const [first] = lists;
  if (first === undefined || inputs.some((origins) => 'any' in origins)) return undefined;
  const fits = inputs.every(
    (origins) => !('constant' in origins) || origins.constant === 1 || origins.constant === first.length,
  );
  const same = lists.every(
    (list) => list.length === first.length && list.every((feature, at) => feature === first[at]),
  );
  return fits && same ? { columns: first } : undefined;
}

function joined(inputs: readonly Origins[]): Origins | undefined {
  if (!inputs.every((origins) => 'columns' in origins)) return undefined;
  return { columns: inputs.flatMap(({ columns }) => columns) };
}

function oneHot([input]: readonly Origins[], node: OnnxNode): Origins | undefined {
  if (input === undefined || !('columns' in input)) return undefined;
  const attributes = new NodeAttributes(node);
  const categories = attributes.int64s('cats_int64s').length + attributes.strings('cats_strings').length;
  return { columns: input.columns.flatMap((feature) => new Array<number>(categories).fill(feature)) };
}

function picked([input]: readonly Origins[], node: OnnxNode, graph: OnnxGraph): Origins | undefined {
  const indices = graph.initializers.get(node.inputs[1] ?? '');
  if (input === undefined || !('columns' in input) || indices === undefined || indices.external) return undefined;
  const { columns } = input;
  const places = Array.from(indices.data() as ArrayLike<number | bigint>, Number);
  const features = places.map((place) => columns[place < 0 ? place + columns.length : place]);
  return features.includes(undefined) ? undefined : { columns: features as number[] };
}

function axisOf(node: OnnxNode): number {
  return new NodeAttributes(node).int('axis', 0);
}
