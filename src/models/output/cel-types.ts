import type { FeatureScalar, FeatureValue } from '../../shared/feature-value.js';
import type { TensorSpec, TensorType } from '../runtime.js';
import type { FeatureSpec } from '../signature.js';

/** CEL's type of one row of an output: [N] and [N, 1] a scalar, [N, C] a list, more dimensions nested lists. */
export function celTypeOfOutput(output: TensorSpec): string {
  const dims = output.dims.slice(1);
  const depth = dims.length === 1 && dims[0] === 1 ? 0 : dims.length;
  return nest(celScalar(output.type), depth);
}

function celScalar(type: TensorType): string {
  if (type === 'string') return 'string';
  if (type === 'bool') return 'bool';
  return type.startsWith('float') ? 'double' : 'int';
}

const celFeatureTypes = { number: 'double', integer: 'int', boolean: 'bool', string: 'string' } as const;

/** A nullable feature is `dyn`. So is an array of several dimensions: the caller may send it flat or nested. */
export function celTypeOfFeature(spec: FeatureSpec): string {
  if (spec.nullable || (spec.shape !== undefined && spec.shape.length > 1)) return 'dyn';
  return nest(celFeatureTypes[spec.type], spec.shape?.length ?? 0);
}

function nest(scalar: string, depth: number): string {
  return 'list<'.repeat(depth) + scalar + '>'.repeat(depth);
}

/** Turns a feature's value into CEL's: integers into bigint, all else as it is. */
export function celFeatureValue(spec: FeatureSpec): (value: FeatureValue) => unknown {
  return spec.type === 'integer' ? integersToBigInt : (value) => value;
}

function integersToBigInt(value: FeatureValue): unknown {
  if (Array.isArray(value)) return (value as readonly FeatureValue[]).map(integersToBigInt);
  const scalar = value as FeatureScalar;
  return typeof scalar === 'number' ? BigInt(scalar) : scalar;
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names that CEL keeps for itself, and ours. An output so named is reached by `outputs["name"]`. */
const reserved = new Set(
  (
    'features outputs classes math as break const continue else false for function if import in let loop namespace null ' +
    'package return true var void while int uint double string bool bytes list map type optional cel google'
  ).split(' '),
);

/** Whether an output of this name is a variable. */
export function isVariableName(name: string): boolean {
  return identifier.test(name) && !reserved.has(name);
}
