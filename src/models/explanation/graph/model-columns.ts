import { compileGraph } from '../../compiled/compile-graph.js';
import type { CompiledGraph } from '../../compiled/compiled-graph.js';
import type { OnnxGraph } from '../../onnx/graph.js';
import type { TensorSpec, TensorType } from '../../runtime.js';
import type { FeatureRow, FeatureSpec } from '../../signature.js';
import type { TensorEncoder } from '../../tensor-types.js';
import { elementsOf } from '../../open-inference/datatypes.js';
import { columnOrigins } from './column-origins.js';

/** The columns that trees or coefficients see: their values for a row, and the feature that each is made of, as its position. */
export interface ModelColumns {
  /** @throws Error where the graph itself refuses the row (an unknown category) */
  of(row: FeatureRow): Float64Array;
  readonly features: readonly number[];
}

export interface ColumnsOptions {
  readonly graph: OnnxGraph;
  /** The value that the model's node takes. */
  readonly value: string;
  readonly features: readonly FeatureSpec[];
  readonly encoder: TensorEncoder;
  /** A row that the encoder takes. */
  readonly sample: FeatureRow;
}

/** Types that trees and linear models take, the likely one first. */
const columnTypes: readonly TensorType[] = ['float32', 'float64', 'int64', 'int32'];

/** Compiles what stands before the model's node. @throws MixedColumns; or answers in words why it cannot be compiled */
export function modelColumns(options: ColumnsOptions): ModelColumns | string {
  const { graph, value, encoder, sample } = options;
  const tensors = encoder.encode([sample]);
  const inputs = Object.entries(tensors).map(([name, { type, dims }]): TensorSpec => ({
    name,
    type,
    dims: [null, ...dims.slice(1)],
  }));
  const compiled = compileColumns(graph, value, inputs);
  if (typeof compiled === 'string') return compiled;
  const of = (row: FeatureRow) =>
    Float64Array.from(compiled.run(encoder.encode([row]), 1)[value]?.data as ArrayLike<number | bigint>, Number);
  const origins = columnOrigins(graph, value, inputFeatures(options));
  const width = of(sample).length;
  const features = 'any' in origins ? new Array<number>(width).fill(origins.any) : origins.columns;
  if (features.length !== width)
    return `the model sees ${width} columns, of which ${features.length} could be followed`;
  return { of, features };
}

function compileColumns(graph: OnnxGraph, value: string, inputs: readonly TensorSpec[]): CompiledGraph | string {
  let reason = '';
  for (const type of columnTypes) {
    const compilation = compileGraph(graph, {
      inputs,
      outputs: [{ name: value, type, dims: [null, null] }],
      kind: 'other',
    });
    if ('compiled' in compilation) return compilation.compiled;
    reason ||= compilation.reason;
  }
  return reason;
}

/** Which features fill a row of each input, element by element. */
function inputFeatures({ features, encoder }: ColumnsOptions): ReadonlyMap<string, readonly number[]> {
  const elements = new Map(
    features.map(({ name, shape = [] }, at) => [name, new Array<number>(elementsOf(shape)).fill(at)]),
  );
  const of = (name: string) => elements.get(name) ?? [];
  return new Map(Object.entries(encoder.inputs).map(([input, names]) => [input, [names].flat().flatMap(of)]));
}
