import { parseDocument } from 'yaml';
import { messageOf } from '../../shared/errors.js';
import { isPlainObject } from '../../shared/json.js';
import type { TensorType } from '../runtime.js';
import { columnTypes, tensorTypes } from './signature-types.js';

/** The file that describes a model in MLflow's format. */
export const mlmodelFile = 'MLmodel';
/** Longest MLmodel that is read, in bytes. */
export const maxMlmodelBytes = 1 << 20;

/** A column of a DataFrame. */
export interface ColumnSpec {
  readonly name: string | undefined;
  readonly type: TensorType;
  readonly required: boolean;
}

/** An array of NumPy. A dimension that varies is null; the first one is the rows. */
export interface ArraySpec {
  readonly name: string | undefined;
  readonly type: TensorType;
  readonly dims: readonly (number | null)[];
}

/** Columns and arrays never mix, nor do named and unnamed ones. */
export type SignatureSide =
  | { readonly kind: 'columns'; readonly specs: readonly ColumnSpec[] }
  | { readonly kind: 'arrays'; readonly specs: readonly ArraySpec[] };

/** What a model says of itself. */
export interface Mlmodel {
  readonly flavours: readonly string[];
  /** Path of the graph beside MLmodel, where there is an ONNX flavour. */
  readonly onnxFile: string | undefined;
  /** undefined: it was logged without. */
  readonly inputs: SignatureSide | undefined;
  readonly outputs: SignatureSide | undefined;
}

/** A file that is no MLmodel, or one that says what cannot be served, in words. */
export class MlmodelError extends Error {
  override readonly name = 'MlmodelError';
}

/** Reads an MLmodel as MLflow 1 to 3 write it. @throws MlmodelError */
export function readMlmodel(text: string): Mlmodel {
  const root = yamlObject(text);
  const flavours = isPlainObject(root['flavors']) ? root['flavors'] : {};
  const onnx = flavours['onnx'];
  const signature = isPlainObject(root['signature']) ? root['signature'] : {};
  return {
    flavours: Object.keys(flavours).sort(),
    onnxFile: isPlainObject(onnx) ? textOf(onnx['data'], 'flavors.onnx.data') : undefined,
    inputs: sideOf(signature['inputs'], 'signature.inputs'),
    outputs: sideOf(signature['outputs'], 'signature.outputs'),
  };
}

function yamlObject(text: string): Record<string, unknown> {
  try {
    const document = parseDocument(text, { version: '1.2', uniqueKeys: true });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (isPlainObject(value)) return value;
  } catch (error) {
    throw new MlmodelError(`is no YAML: ${messageOf(error).split('\n')[0] ?? ''}`, { cause: error });
  }
  throw new MlmodelError('is not the description of a model');
}

function textOf(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new MlmodelError(`${where} names no file`);
}

/** A side of the signature is a JSON list inside the YAML. */
function sideOf(value: unknown, where: string): SignatureSide | undefined {
  if (value === undefined || value === null) return undefined;
  const list = jsonList(value, where);
  if (list.length === 0) return undefined;
  const arrays = list.filter((entry) => entry['type'] === 'tensor');
  if (arrays.length === 0) return { kind: 'columns', specs: list.map((entry, at) => columnOf(entry, at, where)) };
  if (arrays.length < list.length) throw new MlmodelError(`${where} mixes columns and tensors`);
  return { kind: 'arrays', specs: list.map((entry, at) => arrayOf(entry, at, where)) };
}

function jsonList(value: unknown, where: string): Record<string, unknown>[] {
  let list: unknown;
  try {
    list = typeof value === 'string' ? JSON.parse(value) : value;
  } catch (error) {
    throw new MlmodelError(`${where} is no JSON`, { cause: error });
  }
  if (Array.isArray(list) && list.every(isPlainObject)) return list;
  throw new MlmodelError(`${where} is no list of columns or tensors`);
}

function columnOf(entry: Record<string, unknown>, at: number, where: string): ColumnSpec {
  const name = nameOf(entry);
  const type = typeof entry['type'] === 'string' ? columnTypes.get(entry['type']) : undefined;
  if (type === undefined) {
    throw new MlmodelError(
      `${where}: ${name ?? `column ${at}`} is ${JSON.stringify(entry['type'])}, which no feature can be`,
    );
  }
  // Before 2.9 the key was the inverse one.
  const required = entry['required'] !== false && entry['optional'] !== true;
  return { name, type, required };
}

function arrayOf(entry: Record<string, unknown>, at: number, where: string): ArraySpec {
  const name = nameOf(entry);
  const what = `${where}: ${name ?? `tensor ${at}`}`;
  const spec = isPlainObject(entry['tensor-spec']) ? entry['tensor-spec'] : {};
  const { dtype, shape } = spec;
  const type = typeof dtype === 'string' ? tensorTypes.get(dtype) : undefined;
  if (type === undefined) throw new MlmodelError(`${what} is of ${JSON.stringify(dtype)}, which no feature can be`);
  if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && (size as number) >= -1)) {
    throw new MlmodelError(`${what} has no shape`);
  }
  const dims = (shape as readonly number[]).map((size) => (size === -1 ? null : size));
  if (dims[0] !== null) throw new MlmodelError(`${what} has a first dimension that does not vary: it must be the rows`);
  return { name, type, dims };
}

function nameOf({ name }: Record<string, unknown>): string | undefined {
  if (typeof name === 'number') return String(name);
  return typeof name === 'string' && name !== '' ? name : undefined;
}
