import type { GraphSignature, TensorSpec, TensorType } from '../runtime.js';
import { classesOfInitializer, classLabels, type ClassLabels } from './class-labels.js';
import type { ZipMapOutput } from './cut-zip-map.js';
import { onnxElementType, type OnnxGraph, type OnnxNode, type OnnxValueInfo } from './graph.js';

const tensorTypes: ReadonlyMap<number, TensorType> = new Map(
  Object.entries(onnxElementType)
    .filter(([type]) => type !== 'undefined')
    .map(([type, number]) => [number, type as TensorType]),
);

/** Operators that hand on what another one decided. */
const passing = new Set(
  (
    'Identity Cast Reshape Flatten Squeeze Unsqueeze Normalizer ArrayFeatureExtractor Concat Transpose ZipMap ArgMax ' +
    'LabelEncoder Gather Div ReduceSum Exp Clip Sub Mul Slice Where'
  ).split(' '),
);
const classifiers = new Set([
  'TreeEnsembleClassifier',
  'LinearClassifier',
  'SVMClassifier',
  'Softmax',
  'ArgMax',
  'ZipMap',
]);
const regressors = new Set(['TreeEnsembleRegressor', 'LinearRegressor', 'SVMRegressor', 'TreeEnsemble']);

/** The tensors that go in and come out, and what the graph tells of their meaning. `zipMaps`: outputs that ZipMap made. */
export function graphSignature(graph: OnnxGraph, zipMaps: readonly ZipMapOutput[]): GraphSignature {
  const outputs = graph.outputs.flatMap((output) => outputSpec(output, zipMaps) ?? []);
  const ancestors = decidingNodes(
    graph,
    graph.outputs.map((output) => output.name),
  );
  const classes = zipMaps.find((zipMap) => zipMap.classes.length > 0)?.classes ?? classesOf(graph, ancestors);
  return {
    inputs: graph.inputs.flatMap((input) => tensorSpec(input) ?? []),
    outputs,
    kind: kindOf(ancestors, outputs),
    ...(classes === undefined ? {} : { classes }),
  };
}

/** The spec of a tensor of a type that can be served; undefined for all other values. A missing shape is []. */
export function tensorSpec(value: OnnxValueInfo): TensorSpec | undefined {
  const type = value.kind === 'tensor' ? tensorTypes.get(value.elementType) : undefined;
  if (type === undefined) return undefined;
  const dims = value.dims ?? [];
  return { name: value.name, type, dims };
}

function outputSpec(output: OnnxValueInfo, zipMaps: readonly ZipMapOutput[]): TensorSpec | undefined {
  const zipMap = zipMaps.find((candidate) => candidate.output === output.name);
  if (zipMap === undefined) return tensorSpec(output);
  return { name: output.name, type: 'float32', dims: [null, zipMap.classes.length || null] };
}

/** The nodes that decide the outputs: back from each output through the operators that only hand on. */
function decidingNodes(graph: OnnxGraph, outputs: readonly string[]): readonly OnnxNode[] {
  const producers = new Map<string, OnnxNode>();
  for (const node of graph.nodes) for (const output of node.outputs) producers.set(output, node);
  const found = new Set<OnnxNode>();
  const open = [...outputs];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const node = producers.get(value);
    if (node === undefined || found.has(node)) continue;
    found.add(node);
    if (passing.has(node.opType)) open.push(...node.inputs);
  }
  return [...found];
}

function classesOf(graph: OnnxGraph, nodes: readonly OnnxNode[]): ClassLabels | undefined {
  for (const node of nodes) {
    const labels = classLabels(node);
    if (labels !== undefined && node.opType !== 'LabelEncoder') return labels;
  }
  const pick = nodes.find((node) => node.opType === 'ArrayFeatureExtractor' && picksByArgMax(nodes, node));
  return pick && classesOfInitializer(graph, pick.inputs[0] ?? '');
}

/** The index comes from ArgMax (skl2onnx's way to name the class of the largest score), perhaps by way of other nodes. */
function picksByArgMax(nodes: readonly OnnxNode[], node: OnnxNode): boolean {
  const open = [node.inputs[1]];
  const seen = new Set<string>();
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    const producer = nodes.find((candidate) => candidate.outputs.includes(value));
    if (producer?.opType === 'ArgMax') return true;
    if (producer !== undefined) open.push(...producer.inputs);
  }
  return false;
}

function kindOf(nodes: readonly OnnxNode[], outputs: readonly TensorSpec[]): GraphSignature['kind'] {
  if (nodes.some((node) => classifiers.has(node.opType))) return 'classifier';
  const [only] = outputs;
  if (outputs.length !== 1 || only === undefined || !only.type.startsWith('float')) return 'other';
  if (nodes.some((node) => regressors.has(node.opType))) return 'regressor';
  const scalar = only.dims.length === 1 || (only.dims.length === 2 && only.dims[1] === 1);
  return scalar && !nodes.some((node) => node.opType === 'Sigmoid') ? 'regressor' : 'other';
}
