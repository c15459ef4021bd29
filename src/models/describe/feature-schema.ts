import type { JsonObject, JsonValue } from '../../shared/json.js';
import type { FeatureSpec } from '../signature.js';

/** JSON Schema (2020-12) of a version's `features`. Required: what has neither a stored source nor a default. */
export function featuresSchema(features: readonly FeatureSpec[]): JsonObject {
  const required = features.filter((spec) => spec.from === undefined && spec.default === undefined);
  return {
    type: 'object',
    properties: Object.fromEntries(features.map((spec) => [spec.name, featureSchema(spec)])),
    required: required.map((spec) => spec.name),
    additionalProperties: false,
  };
}

function featureSchema(spec: FeatureSpec): JsonObject {
  const element = elementSchema(spec);
  const value = spec.shape === undefined ? element : arraySchema(spec.shape, element);
  return {
    ...value,
    ...(spec.description !== undefined && { description: spec.description }),
    ...(spec.default !== undefined && { default: spec.default }),
    ...(spec.from !== undefined && { 'x-from': `${spec.from.view}.${spec.from.feature}` }),
  };
}

function elementSchema(spec: FeatureSpec): JsonObject {
  const values: readonly JsonValue[] | undefined = spec.enum;
  return {
    type: spec.nullable ? [spec.type, 'null'] : spec.type,
    ...(spec.min !== undefined && { minimum: spec.min }),
    ...(spec.max !== undefined && { maximum: spec.max }),
    ...(values !== undefined && { enum: spec.nullable ? [...values, null] : values }),
  };
}

/** Nested to the shape; the flat form of the same elements is taken too. */
function arraySchema(shape: readonly number[], element: JsonObject): JsonObject {
  const nested = shape.reduceRight<JsonObject>((items, size) => sized(size, items), element);
  if (shape.length === 1) return nested;
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return { anyOf: [nested, sized(size, element)] };
}

function sized(size: number, items: JsonObject): JsonObject {
  return { type: 'array', items, minItems: size, maxItems: size };
}
