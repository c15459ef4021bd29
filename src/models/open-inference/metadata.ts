import type { ServingVersion } from '../catalogue.js';
import type { TensorSpec } from '../runtime.js';
import { datatypeOf } from './datatypes.js';

/** A model's metadata. A dimension that varies is -1. `properties` tell more than the protocol asks for. */
export function modelMetadata({ modelId, tensors }: ServingVersion, versions: readonly string[]): object {
  const { signature, runtime } = tensors;
  const { kind, classes } = signature;
  return {
    name: modelId,
    versions,
    platform: runtime === 'onnx' ? 'onnx_onnxv1' : runtime,
    inputs: signature.inputs.map(tensorMetadata),
    outputs: signature.outputs.map(tensorMetadata),
    properties: { kind, ...(classes !== undefined && { classes: JSON.stringify(classes) }) },
  };
}

function tensorMetadata({ name, type, dims }: TensorSpec): object {
  return { name, datatype: datatypeOf(type), shape: dims.map((dimension) => dimension ?? -1) };
}
