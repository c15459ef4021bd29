import type { FeatureType } from '../../shared/feature-value.js';
import type { GraphSignature, TensorSpec, TensorType } from '../runtime.js';
import type { FeatureSpec } from '../signature.js';

/** The features that a graph's inputs name by themselves, or why they do not. */
export type InferredFeatures =
  | { readonly features: readonly FeatureSpec[]; readonly unnamed?: undefined }
  | { readonly features?: undefined; readonly unnamed: UnnamedColumns };

/** A tensor whose columns only a person can name. */
export interface UnnamedColumns {
  readonly input: TensorSpec;
  /** How many columns; null where the graph does not say. */
  readonly columns: number | null;
}

/**
 * Each input is one feature of its own name: a scalar for [N] and [N, 1], an array for [N, C, H, W]. The columns of one
 * [N, F] tensor have no names in the graph, so that input yields none; with `wholeTensors` (a model server's) it is one array.
 */
export function inferFeatures(graph: GraphSignature, wholeTensors = false): InferredFeatures {
  const features: FeatureSpec[] = [];
  for (const input of graph.inputs) {
    const dims = rowDims(input);
    const known = dims.filter((dimension) => dimension !== null);
    const lonelyColumns = !wholeTensors && dims.length === 1 && graph.inputs.length === 1;
    if (known.length < dims.length || lonelyColumns) return { unnamed: { input, columns: dims[0] ?? null } };
    features.push(featureOf(input, known));
  }
  return { features };
}

/** Names for the columns of a tensor: those given, else f0, f1, … */
export function nameColumns({ input, columns }: UnnamedColumns, names?: readonly string[]): FeatureSpec[] {
  const taken = names ?? Array.from({ length: columns ?? 0 }, (_, column) => `f${column}`);
  return taken.map((name) => ({ name, type: featureTypeOf(input.type), nullable: false, pii: false }));
}

/** Dimensions of one row; a trailing single column counts as a scalar. */
function rowDims(input: TensorSpec): readonly (number | null)[] {
  const dims = input.dims.slice(1);
  return dims.length === 1 && dims[0] === 1 ? [] : dims;
}

function featureOf(input: TensorSpec, shape: readonly number[]): FeatureSpec {
  const type = featureTypeOf(input.type);
  return { name: input.name, type, nullable: false, pii: false, ...(shape.length > 0 && { shape }) };
}

export function featureTypeOf(type: TensorType): FeatureType {
  if (type === 'string') return 'string';
  if (type === 'bool') return 'boolean';
  return type.startsWith('float') ? 'number' : 'integer';
}
