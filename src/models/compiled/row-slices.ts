import type { Tensor, TensorMap } from '../runtime.js';

/** One row of a batch, in tensors of its own. */
export function sliceRow(tensors: TensorMap, row: number): TensorMap {
  const slices: Record<string, Tensor> = {};
  for (const [name, { type, dims, data }] of Object.entries(tensors)) {
    const width = data.length / (dims[0] ?? 1);
    slices[name] = { type, dims: [1, ...dims.slice(1)], data: data.slice(row * width, (row + 1) * width) };
  }
  return slices;
}
