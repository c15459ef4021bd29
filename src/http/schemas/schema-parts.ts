import { Type, type TSchema } from '@sinclair/typebox';

/** Forms that OpenAPI 3.0.3 knows: it has no `const`, no `type: null` and no `patternProperties`. */

/** A component schema, by name. */
export const ref = (name: string): TSchema => Type.Unsafe({ $ref: `#/components/schemas/${name}` });

export const nullable = <S extends TSchema>(schema: S): TSchema => Type.Unsafe({ ...schema, nullable: true });

export const enumeration = (values: readonly string[], description?: string): TSchema =>
  Type.Unsafe({ type: 'string', enum: [...values], ...(description !== undefined && { description }) });

/** An object whose keys are free. Without `values`, so are its values. */
export const mapOf = (
  values: TSchema | undefined,
  options: { readonly description?: string; readonly example?: unknown } = {},
): TSchema => Type.Unsafe({ type: 'object', additionalProperties: values ?? true, ...options });

export const requestId = Type.String({
  description: 'The X-Request-Id of the call, or a new UUID.',
  example: '550e8400-e29b-41d4-a716-446655440000',
});
export const timestamp = Type.String({ format: 'date-time', description: 'UTC.', example: '2026-01-15T10:30:00.000Z' });
export const latencyMs = Type.Number({
  minimum: 0,
  description: 'Milliseconds from arrival to reply.',
  example: 0.412,
});
export const confidence = nullable(
  Type.Number({ minimum: 0, maximum: 1, description: 'null where the model gives none.', example: 0.93 }),
);
export const modelId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
  description: 'Id of the model.',
  example: 'mortgage_denial',
});
