import type { GraphSignature } from '../runtime.js';
import type { ZipMapOutput } from './cut-zip-map.js';
import type { OnnxGraph } from './graph.js';

/** What a model file says of itself, without running it. */
export interface OnnxInspection {
  readonly graph: OnnxGraph;
  readonly signature: GraphSignature;
  /** The file's bytes, its ZipMap nodes replaced: what onnxruntime is given. */
  readonly bytes: Uint8Array;
  /** Outputs that were ZipMap's: tensors [N, classes] now, under the same names. */
  readonly zipMaps: readonly ZipMapOutput[];
  /** Everything that stops it from being served, in words; empty when nothing does. */
  readonly problems: readonly string[];
  /** What is left out or odd, in words. */
  readonly notes: readonly string[];
}
