import type { OnnxValueInfo, OnnxValueKind } from './graph.js';
import type { WireReader } from './wire-reader.js';

/** Fields of ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto and its Dimension. */
export const valueInfoField = { name: 1, type: 2 } as const;
export const typeField = { tensor: 1, sequence: 4, map: 5, sparse: 8, optional: 9 } as const;
export const tensorTypeField = { elementType: 1, shape: 2 } as const;
const shapeField = { dim: 1 } as const;
const dimensionField = { value: 1 } as const;

const kinds: ReadonlyMap<number, OnnxValueKind> = new Map([
  [typeField.sequence, 'sequence'],
  [typeField.map, 'map'],
  [typeField.sparse, 'sparse'],
  [typeField.optional, 'optional'],
]);

interface ValueType {
  readonly kind: OnnxValueKind;
  readonly elementType: number;
  readonly dims: readonly (number | null)[] | null;
}
const unknownType: ValueType = { kind: 'unknown', elementType: 0, dims: null };

/** @throws OnnxFormatError */
export function readValueInfo(reader: WireReader): OnnxValueInfo {
  let name = '';
  let type = unknownType;
  while (reader.next()) {
    if (reader.field === valueInfoField.name) name = reader.string();
    if (reader.field === valueInfoField.type) type = readType(reader.message());
  }
  return { name, ...type };
}

function readType(reader: WireReader): ValueType {
  let type = unknownType;
  while (reader.next()) {
    const kind = kinds.get(reader.field);
    if (reader.field === typeField.tensor) type = readTensorType(reader.message());
    else if (kind !== undefined) type = { kind, elementType: 0, dims: null };
  }
  return type;
}

function readTensorType(reader: WireReader): ValueType {
  let elementType = 0;
  let dims: (number | null)[] | null = null;
  while (reader.next()) {
    if (reader.field === tensorTypeField.elementType) elementType = reader.integer();
    if (reader.field === tensorTypeField.shape) dims = readShape(reader.message());
  }
  return { kind: 'tensor', elementType, dims };
}

function readShape(reader: WireReader): (number | null)[] {
  const dims: (number | null)[] = [];
  while (reader.next()) if (reader.field === shapeField.dim) dims.push(readDimension(reader.message()));
  return dims;
}

function readDimension(reader: WireReader): number | null {
  let size: number | null = null;
  while (reader.next()) if (reader.field === dimensionField.value) size = reader.integer();
  return size !== null && size >= 0 ? size : null;
}
