import { toBinary } from '../../open-inference/binary-tensors.js';
import { datatypeOf } from '../../open-inference/datatypes.js';
import { toJsonList } from '../../open-inference/json-tensors.js';
import type { GraphSignature, TensorMap } from '../../runtime.js';

export interface InferRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** Length in bytes of the JSON part, before the tensors. */
export const headerLengthHeader = 'inference-header-content-length';

/** The tensors as JSON. `timeoutUs`: what is left of the time, for servers that heed it. */
export function jsonRequest(signature: GraphSignature, inputs: TensorMap, timeoutUs: number): InferRequest {
  const tensors = signature.inputs.flatMap(({ name }) => {
    const tensor = inputs[name];
    return tensor === undefined ? [] : [`${opening(name, tensor)},"data":${toJsonList(tensor)}}`];
  });
  const outputs = signature.outputs.map(({ name }) => ({ name }));
  const body = `{"parameters":{"timeout":${timeoutUs}},"inputs":[${tensors.join(',')}],"outputs":${JSON.stringify(outputs)}}`;
  return { headers: { 'content-type': 'application/json' }, body };
}

/** The tensors in binary form behind a JSON part, the outputs asked for in binary form too. */
export function binaryRequest(signature: GraphSignature, inputs: TensorMap, timeoutUs: number): InferRequest {
  const blobs: Buffer[] = [];
  const tensors = signature.inputs.flatMap(({ name }) => {
    const tensor = inputs[name];
    if (tensor === undefined) return [];
    const blob = toBinary(tensor);
    blobs.push(blob);
    return [`${opening(name, tensor)},"parameters":{"binary_data_size":${blob.length}}}`];
  });
  const outputs = signature.outputs.map(({ name }) => ({ name, parameters: { binary_data: true } }));
  const json = Buffer.from(
    `{"parameters":{"timeout":${timeoutUs}},"inputs":[${tensors.join(',')}],"outputs":${JSON.stringify(outputs)}}`,
  );
  const headers = { 'content-type': 'application/octet-stream', [headerLengthHeader]: String(json.length) };
  return { headers, body: Buffer.concat([json, ...blobs]) };
}

function opening(name: string, { dims, type }: TensorMap[string]): string {
  return `{"name":${JSON.stringify(name)},"shape":[${dims.join(',')}],"datatype":"${datatypeOf(type)}"`;
}
