import { isPlainObject } from '../shared/json.js';
import type { Signature } from '../app/operations.js';

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * One CSV record as the JSON text of an instance. A column named like an entity is its key; every other one is a feature, written as its
 * type in the signature wants. An empty cell is null where the feature may be null, else it is left out. What does not fit its type
 * stays text, for the service to refuse.
 */
export function csvInstance(record: Readonly<Record<string, string>>, signature: Signature): string {
  const properties = isPlainObject(signature.features['properties']) ? signature.features['properties'] : {};
  const features: string[] = [];
  const entities: string[] = [];
  for (const [name, cell] of Object.entries(record)) {
    const schema = properties[name];
    if (schema === undefined && signature.entities.includes(name)) {
      if (cell !== '') entities.push(member(name, JSON.stringify(cell)));
    } else {
      const literal = literalOf(cell, isPlainObject(schema) ? schema : {});
      if (literal !== undefined) features.push(member(name, literal));
    }
  }
  const parts = [`"features":{${features.join(',')}}`];
  if (entities.length > 0) parts.push(`"entities":{${entities.join(',')}}`);
  return `{${parts.join(',')}}`;
}

function member(name: string, literal: string): string {
  return `${JSON.stringify(name)}:${literal}`;
}

function literalOf(cell: string, schema: Record<string, unknown>): string | undefined {
  const types = typesOf(schema);
  if (cell === '') return types.includes('null') || schema['nullable'] === true ? 'null' : undefined;
  if (types.includes('number') || types.includes('integer')) return jsonNumber.test(cell) ? cell : JSON.stringify(cell);
  if (types.includes('boolean') && /^(true|false)$/i.test(cell)) return cell.toLowerCase();
  if (types.includes('array') && cell.startsWith('[')) return arrayLiteral(cell);
  return JSON.stringify(cell);
}

function typesOf(schema: Record<string, unknown>): readonly unknown[] {
  const type = schema['type'];
  if (Array.isArray(type)) return type;
  if (type !== undefined) return [type];
  const either = schema['anyOf'];
  return Array.isArray(either) ? either.flatMap((one) => (isPlainObject(one) ? typesOf(one) : [])) : [];
}

function arrayLiteral(cell: string): string {
  try {
    JSON.parse(cell);
    return cell;
  } catch {
    return JSON.stringify(cell);
  }
}
