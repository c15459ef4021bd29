import type { OnnxGraph, OnnxNode, OnnxTensorData } from './graph.js';

export type ClassLabels = readonly (string | number)[];

/** Attributes in which ZipMap and the classifiers of ai.onnx.ml name their classes. */
const integerAttributes = ['classlabels_int64s', 'classlabels_ints'];
const stringAttribute = 'classlabels_strings';

/** The classes that a node names in its attributes; undefined when it names none. */
export function classLabels(node: OnnxNode): ClassLabels | undefined {
  const strings = node.attributes.get(stringAttribute);
  if (strings?.type === 'strings' && strings.value.length > 0) return strings.value;
  for (const name of integerAttributes) {
    const integers = node.attributes.get(name);
    if (integers?.type === 'ints' && integers.value.length > 0) return Array.from(integers.value, Number);
  }
  return undefined;
}

/** The classes that an initializer lists: what exporters pick from by the index of the largest score. */
export function classesOfInitializer(graph: OnnxGraph, name: string): ClassLabels | undefined {
  const tensor = graph.initializers.get(name);
  if (tensor === undefined || tensor.external || tensor.dims.length > 2) return undefined;
  const data: OnnxTensorData = tensor.data();
  if (data instanceof Float32Array || data instanceof Float64Array) return undefined;
  return Array.from(data as ArrayLike<string | number | bigint>, (label) =>
    typeof label === 'bigint' ? Number(label) : label,
  );
}
