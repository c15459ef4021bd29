import type { Tensor, TensorMap } from '../../runtime.js';
import type { SignatureSide } from '../../mlflow/mlmodel.js';
import { unnamedInput } from '../../mlflow/signature-manifest.js';
import { fromFloat16 } from '../../tensor-float16.js';
import type { RemoteRequest } from '../remote/remote-protocol.js';

/** The body of POST /invocations: `dataframe_split` where the signature has columns, else `inputs`. */
export function invocationsRequest(side: SignatureSide, inputs: TensorMap): RemoteRequest {
  const body = side.kind === 'columns' ? dataFrame(inputs, side.specs) : arrays(inputs, side.specs);
  return { path: '/invocations', headers: { 'content-type': 'application/json' }, body };
}

type Named = readonly { readonly name: string | undefined }[];

function dataFrame(inputs: TensorMap, columns: Named): string {
  const names = columns.map(({ name = unnamedInput }) => name);
  const values = names.map((name) => elementTexts(inputs[name]));
  const rows = (values[0] ?? []).map((_, row) => `[${values.map((column) => column[row]).join(',')}]`);
  return `{"dataframe_split":{"columns":${JSON.stringify(names)},"data":[${rows.join(',')}]}}`;
}

function arrays(inputs: TensorMap, specs: Named): string {
  const [only] = specs;
  if (specs.length === 1 && only?.name === undefined) return `{"inputs":${nestedText(inputs[unnamedInput])}}`;
  const members = specs.map(({ name = unnamedInput }) => `${JSON.stringify(name)}:${nestedText(inputs[name])}`);
  return `{"inputs":{${members.join(',')}}}`;
}

function nestedText(tensor: Tensor | undefined): string {
  let parts = elementTexts(tensor);
  const [, ...rest] = tensor?.dims ?? [];
  for (const size of rest.reverse()) parts = grouped(parts, size);
  return `[${parts.join(',')}]`;
}

function grouped(parts: readonly string[], size: number): string[] {
  const count = size === 0 ? 0 : parts.length / size;
  return Array.from({ length: count }, (_, at) => `[${parts.slice(at * size, (at + 1) * size).join(',')}]`);
}

/** Each element as JSON. NaN is null, as pandas reads it; 64-bit integers keep all their digits. */
function elementTexts(tensor: Tensor | undefined): string[] {
  if (tensor === undefined) return [];
  const { type, data } = tensor;
  switch (type) {
    case 'string':
      return (data as string[]).map((value) => JSON.stringify(value));
    case 'bool':
      return Array.from(data as Uint8Array, (value) => String(value === 1));
    case 'float16':
      return Array.from(data as Uint16Array, (value) => JSON.stringify(fromFloat16(value)));
    case 'int64':
    case 'uint64':
      return Array.from(data as BigInt64Array, String);
    default:
      return Array.from(data as Float32Array, (value) => JSON.stringify(value));
  }
}
