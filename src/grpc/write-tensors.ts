import { datatypeOf, toBinary, type Tensor } from '../models/index.js';
import type { TensorReply } from '../prediction/index.js';

/** A ModelInferResponse; raw in, raw out, but for FP16, which has no other form. */
export function inferResponse({ modelId, modelVersion, outputs }: TensorReply, id: string, raw: boolean): object {
  const asRaw = raw || outputs.some(({ tensor }) => tensor.type === 'float16');
  return {
    model_name: modelId,
    model_version: modelVersion,
    id,
    outputs: outputs.map(({ name, tensor }) => ({
      name,
      datatype: datatypeOf(tensor.type),
      shape: tensor.dims,
      ...(!asRaw && { contents: contentsOf(tensor) }),
    })),
    raw_output_contents: asRaw ? outputs.map(({ tensor }) => toBinary(tensor)) : [],
  };
}

function contentsOf({ type, data }: Tensor): object {
  switch (type) {
    case 'bool':
      return { bool_contents: Array.from(data as Uint8Array, (value) => value === 1) };
    case 'int64':
      return { int64_contents: Array.from(data as BigInt64Array, String) };
    case 'uint64':
      return { uint64_contents: Array.from(data as BigUint64Array, String) };
    case 'float32':
      return { fp32_contents: Array.from(data as Float32Array) };
    case 'float64':
      return { fp64_contents: Array.from(data as Float64Array) };
    case 'string':
      return { bytes_contents: (data as string[]).map((text) => Buffer.from(text)) };
    default:
      return { [type.startsWith('u') ? 'uint_contents' : 'int_contents']: Array.from(data as Int32Array) };
  }
}
