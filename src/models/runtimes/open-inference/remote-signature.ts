import { isPlainObject } from '../../../shared/json.js';
import { datatypeOf, tensorTypeOf } from '../../open-inference/datatypes.js';
import type { GraphSignature, TensorSpec } from '../../runtime.js';

/** A model's metadata (GET /v2/models/{m}) as a signature, or everything that keeps it from being one. */
export type RemoteSignature =
  | { readonly signature: GraphSignature; readonly notes: readonly string[] }
  | { readonly problems: readonly string[]; readonly signature?: undefined };

export function readRemoteSignature(metadata: unknown): RemoteSignature {
  if (!isPlainObject(metadata)) return { problems: ['the metadata is no JSON object'] };
  const problems: string[] = [];
  const inputs = tensors('input', metadata['inputs'], problems);
  const all = tensors('output', metadata['outputs'], problems);
  if (problems.length > 0) return { problems };
  const outputs = all.filter(({ dims }) => dims[0] === null || dims[0] === 1);
  if (outputs.length === 0) return { problems: ['the metadata names no output with a value for each row'] };
  const notes = all
    .filter((output) => !outputs.includes(output))
    .map(({ name }) => `output '${name}' has no value for each row: it is left out`);
  const rowOutputs = outputs.map((output) => ({ ...output, dims: [null, ...output.dims.slice(1)] }));
  return { signature: { inputs, outputs: rowOutputs, ...properties(metadata['properties']) }, notes };
}

function tensors(what: string, list: unknown, problems: string[]): TensorSpec[] {
  if (!Array.isArray(list) || list.length === 0) {
    problems.push(`the metadata names no ${what}s`);
    return [];
  }
  return list.flatMap((entry: unknown) => {
    const spec = tensorSpec(entry);
    if (typeof spec !== 'string') return [spec];
    problems.push(`${what}s of the metadata: ${spec}`);
    return [];
  });
}

function tensorSpec(entry: unknown): TensorSpec | string {
  if (!isPlainObject(entry)) return 'one is no object';
  const { name, datatype, shape } = entry;
  if (typeof name !== 'string' || name === '') return 'one has no name';
  const type = typeof datatype === 'string' ? tensorTypeOf(datatype) : undefined;
  if (type === undefined) return `'${name}' has a datatype that is not supported: ${JSON.stringify(datatype)}`;
  if (!Array.isArray(shape) || !shape.every((dimension) => Number.isInteger(dimension) && dimension >= -1)) {
    return `'${name}' has no shape`;
  }
  const dims = (shape as readonly number[]).map((dimension) => (dimension === -1 ? null : dimension));
  return { name, type, dims };
}

/** What this program as a model server says beyond the protocol: the kind of model and its classes. */
function properties(value: unknown): Pick<GraphSignature, 'kind' | 'classes'> {
  if (!isPlainObject(value)) return { kind: 'other' };
  const { kind, classes } = value;
  const known = kind === 'classifier' || kind === 'regressor' ? kind : 'other';
  const labels = typeof classes === 'string' ? labelsOf(classes) : undefined;
  return { kind: known, ...(labels !== undefined && { classes: labels }) };
}

function labelsOf(text: string): (string | number)[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isLabel = (label: unknown) => typeof label === 'string' || typeof label === 'number';
    return Array.isArray(value) && value.every(isLabel) ? value : undefined;
  } catch {
    // Another server's property of the same name.
    return undefined;
  }
}

/** What differs between two signatures, in words; undefined: nothing that tensors depend on. */
export function signatureChange(before: GraphSignature, now: GraphSignature): string | undefined {
  const [was, is] = [signatureText(before), signatureText(now)];
  return was === is ? undefined : `was ${was}, is ${is}`;
}

function signatureText({ inputs, outputs }: GraphSignature): string {
  return `${inputs.map(specText).join(', ')} → ${outputs.map(specText).join(', ')}`;
}

function specText({ name, type, dims }: TensorSpec): string {
  return `${name} ${datatypeOf(type)}[${dims.map((dimension) => dimension ?? -1).join(',')}]`;
}
