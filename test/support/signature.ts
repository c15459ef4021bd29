import fc from 'fast-check';

/** One feature of the JSON Schema that GET /v1/models tells. */
export interface FeatureSchema {
  readonly type: string | readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly items?: FeatureSchema;
  readonly minItems?: number;
}

export interface SignatureSchema {
  readonly properties: Readonly<Record<string, FeatureSchema>>;
  readonly required: readonly string[];
}

type Typed = Pick<FeatureSchema, 'type'>;
const typesOf = ({ type }: Typed) => (typeof type === 'string' ? [type] : type);

/** Values that the signature allows. */
export function valid(schema: FeatureSchema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = typesOf(schema).map((type) => validOfType(type, schema));
  return fc.oneof(...choices);
}

function validOfType(type: string, schema: FeatureSchema): fc.Arbitrary<unknown> {
  const { minimum = -1e6, maximum = 1e6, items, minItems = 0 } = schema;
  if (type === 'null') return fc.constant(null);
  if (type === 'boolean') return fc.boolean();
  if (type === 'string') return fc.string({ maxLength: 20 }).filter((text) => !text.includes('\0'));
  if (type === 'integer') return fc.integer({ min: Math.ceil(minimum), max: Math.floor(maximum) });
  if (type === 'array' && items !== undefined)
    return fc.array(valid(items), { minLength: minItems, maxLength: minItems });
  return fc.double({ min: minimum, max: maximum, noNaN: true });
}

/** Texts of JSON values, most of them wrong for most features. */
export const anyValueText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('null', 'true', 'false', '"3"', '""', '[]', '{}', '[1]', '[[1]]', '3.5', '-0', '1e400', '-1e400'),
  fc.constantFrom('9007199254740993', '-9007199254740993', '9007199254740991', '1e39', '"\\u0000"', '{"a":1}'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.integer().map(String),
  fc.string({ maxLength: 10 }).map((text) => JSON.stringify(text)),
  fc.array(fc.integer({ min: 0, max: 16 }), { maxLength: 65 }).map((value) => JSON.stringify(value)),
);

/**
 * Whether the signature allows a value: written again from the design's words, as plainly as can be, so that the service's own
 * check has something to disagree with.
 */
export function allows(schema: FeatureSchema, value: unknown): boolean {
  if (value === null) return typesOf(schema).includes('null');
  if (schema.enum !== undefined) return schema.enum.includes(value);
  return typesOf(schema).some((type) => allowsType(type, schema, value));
}

function allowsType(type: string, schema: FeatureSchema, value: unknown): boolean {
  if (type === 'boolean') return typeof value === 'boolean';
  if (type === 'string') return typeof value === 'string' && !value.includes('\0');
  if (type === 'array') return Array.isArray(value) && allowsItems(schema, value);
  return typeof value === 'number' && Number.isFinite(value) && allowsNumber(type, schema, value);
}

function allowsNumber(type: string, schema: FeatureSchema, value: number): boolean {
  if (type === 'integer' && !Number.isSafeInteger(value)) return false;
  // Every numeric input of the examples is a float32 or smaller: what it cannot hold is refused.
  return value >= (schema.minimum ?? -3.4028234663852886e38) && value <= (schema.maximum ?? 3.4028234663852886e38);
}

function allowsItems({ items, minItems }: FeatureSchema, value: readonly unknown[]): boolean {
  return value.length === minItems && items !== undefined && value.every((element) => allows(items, element));
}
