import { cutZipMaps } from './cut-zip-map.js';
import { externalDataProblems } from './external-data.js';
import type { OnnxGraph, OnnxValueInfo } from './graph.js';
import { graphSignature, tensorSpec } from './graph-signature.js';
import type { OnnxInspection } from './inspection.js';
import { readOnnxGraph } from './read-graph.js';

/**
 * Reads a model file without running it: its tensors, what its outputs mean, and everything that stops it from being served.
 * `folder` is the version's folder, the only place where its external data may be.
 * @throws OnnxFormatError when the bytes are no ONNX model
 */
export async function inspectOnnx(bytes: Uint8Array, folder: string): Promise<OnnxInspection> {
  const graph = readOnnxGraph(bytes);
  const cut = cutZipMaps(bytes, graph);
  const signature = graphSignature(graph, cut.zipMaps);
  const problems = [...inputProblems(graph), ...(await externalDataProblems(graph.externalData, folder))];
  const notes: string[] = [];
  if (graph.outputs.length === 0) problems.push('the graph has no outputs');
  else if (signature.outputs.length === 0) problems.push(...unservedOutputs(graph, signature.outputs));
  else notes.push(...unservedOutputs(graph, signature.outputs));
  return { graph, signature, bytes: cut.bytes, zipMaps: cut.zipMaps, problems, notes };
}

function inputProblems(graph: OnnxGraph): string[] {
  if (graph.inputs.length === 0) return ['the graph has no inputs'];
  return graph.inputs.flatMap((input) => {
    if (tensorSpec(input) === undefined)
      return [`input '${input.name}' is ${typeWords(input)}, which cannot be fed from features`];
    if (input.dims === null || input.dims.length === 0) {
      return [`input '${input.name}' has no dimension for the rows: export it with the shape [N, …]`];
    }
    return [];
  });
}

function unservedOutputs(graph: OnnxGraph, served: readonly { readonly name: string }[]): string[] {
  return graph.outputs
    .filter((output) => !served.some((spec) => spec.name === output.name))
    .map((output) => `output '${output.name}' is ${typeWords(output)}, which cannot be served: export it as a tensor`);
}

function typeWords(value: OnnxValueInfo): string {
  switch (value.kind) {
    case 'tensor':
      return `a tensor of element type ${elementTypeName(value.elementType)}`;
    case 'unknown':
      return 'of no stated type';
    case 'optional':
      return 'an optional value';
    case 'sequence':
    case 'map':
    case 'sparse':
      return `a ${value.kind === 'sparse' ? 'sparse tensor' : value.kind}`;
  }
}

/** Element types that tabular models do not use. */
const rareTypes: ReadonlyMap<number, string> = new Map([
  [14, 'complex64'],
  [15, 'complex128'],
  [16, 'bfloat16'],
  [17, 'float8e4m3fn'],
  [18, 'float8e4m3fnuz'],
  [19, 'float8e5m2'],
  [20, 'float8e5m2fnuz'],
  [21, 'uint4'],
  [22, 'int4'],
  [23, 'float4e2m1'],
]);

function elementTypeName(elementType: number): string {
  return rareTypes.get(elementType) ?? `number ${elementType}`;
}
