/**
 * The part of an ONNX file that we read, as plain data. Numbers of fields are those of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), IR version 3 and later.
 */
export interface OnnxGraph {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly name: string;
  /** Graph inputs, initializers that are also listed as inputs left out. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly nodes: readonly OnnxNode[];
  /** Every tensor kept in another file, subgraphs and attributes included. */
  readonly externalData: readonly OnnxExternalData[];
  /** Domains of functions that the model itself defines. */
  readonly functionDomains: readonly string[];
}

/** Element type numbers of TensorProto.DataType. */
export const onnxElementType = {
  undefined: 0,
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const;

export type OnnxValueKind = 'tensor' | 'sequence' | 'map' | 'optional' | 'sparse' | 'unknown';

export interface OnnxValueInfo {
  readonly name: string;
  readonly kind: OnnxValueKind;
  /** TensorProto.DataType; 0 where the value is no tensor or has no type. */
  readonly elementType: number;
  /** null: the rank is not given; a dimension that varies is null. */
  readonly dims: readonly (number | null)[] | null;
}

export type OnnxTensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly string[];

export interface OnnxTensor {
  readonly name: string;
  readonly elementType: number;
  readonly dims: readonly number[];
  /** The data are in another file: `data` throws. */
  readonly external: boolean;
  /**
   * Decoded at the first call, from raw_data or the typed field; `bool` is a Uint8Array, `float16` a Uint16Array of bit patterns.
   * @throws OnnxFormatError when the data are external or do not fill the dims.
   */
  data(): OnnxTensorData;
}

export interface OnnxExternalData {
  readonly tensor: string;
  /** As written in the file: relative to it, by the standard. */
  readonly location: string;
}

export interface OnnxNode {
  readonly opType: string;
  /** `''` is the standard's own domain (also written `ai.onnx`). */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An attribute by its type: integers are bigint (they may exceed 2^53), floats exact float32 values. */
export type OnnxAttribute =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: OnnxTensor }
  | { readonly type: 'floats'; readonly value: Float32Array }
  | { readonly type: 'ints'; readonly value: BigInt64Array }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensors'; readonly value: readonly OnnxTensor[] }
  /** A subgraph or something newer: known to be there, not read. */
  | { readonly type: 'graph' | 'other'; readonly value: null };
