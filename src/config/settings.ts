import { configSchema, namedVariables, secretKeys } from './schema.js';

/** The part of JSON Schema that option schemas use. */
export interface OptionSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly items?: OptionSchema;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, OptionSchema>>;
}

/** One value that can be set: a leaf of the schema. */
export interface Setting {
  /** `inference_service.cache.ttl_seconds` */
  readonly key: string;
  readonly path: readonly string[];
  readonly schema: OptionSchema;
  /** `INFERENCE_SERVICE__CACHE__TTL_SECONDS` */
  readonly variable: string;
  /** The variable that the specification names for it, if any. */
  readonly namedVariable: string | undefined;
  readonly secret: boolean;
  /** The optional section that it belongs to: its default holds only where something of the section is set. */
  readonly optionalSection: string | undefined;
}

/** A group of settings, for documentation. */
export interface Section {
  readonly key: string;
  readonly description: string;
}

interface Walk {
  readonly settings: Setting[];
  readonly sections: Section[];
}

function walk(schema: OptionSchema, path: readonly string[], optionalSection: string | undefined, found: Walk): void {
  const key = path.join('.');
  if (schema.properties === undefined) {
    found.settings.push(settingAt(key, path, schema, optionalSection));
    return;
  }
  if (key !== '') found.sections.push({ key, description: schema.description ?? '' });
  for (const [name, child] of Object.entries(schema.properties)) {
    const optional = child.properties !== undefined && !(schema.required ?? []).includes(name);
    const childPath = [...path, name];
    walk(child, childPath, optional ? childPath.join('.') : optionalSection, found);
  }
}

function settingAt(
  key: string,
  path: readonly string[],
  schema: OptionSchema,
  optionalSection: string | undefined,
): Setting {
  const named = Object.entries(namedVariables).find(([, target]) => target === key)?.[0];
  const variable = path.map((step) => step.toUpperCase()).join('__');
  return { key, path, schema, variable, namedVariable: named, secret: secretKeys.has(key), optionalSection };
}

const found: Walk = { settings: [], sections: [] };
walk(configSchema as OptionSchema, [], undefined, found);

export const settings: readonly Setting[] = found.settings;
export const sections: readonly Section[] = found.sections;
export const settingsByKey: ReadonlyMap<string, Setting> = new Map(settings.map((setting) => [setting.key, setting]));
export const sectionKeys: ReadonlySet<string> = new Set(sections.map((section) => section.key));

/** What a value must be, in words: `integer, 1 to 65535`; `one of none, required`; `list of strings`. */
export function expectation(schema: OptionSchema): string {
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.type === 'array') return `list of ${schema.items?.type ?? 'value'}s`;
  if (schema.patternProperties !== undefined) return 'map of names to values';
  const kind = schema.type === 'boolean' ? 'true or false' : (schema.type ?? 'value');
  const parts = [kind, range(schema), lengthText(schema), schema.pattern && `matching ${schema.pattern}`];
  return parts.filter((part) => part !== undefined && part !== '').join(', ');
}

function range({ minimum, exclusiveMinimum, maximum }: OptionSchema): string | undefined {
  if (exclusiveMinimum !== undefined)
    return `above ${exclusiveMinimum}${maximum === undefined ? '' : `, at most ${maximum}`}`;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${minimum} or more`;
  return maximum === undefined ? undefined : `${maximum} or less`;
}

function lengthText({ minLength }: OptionSchema): string | undefined {
  if (minLength === undefined) return undefined;
  return minLength === 1 ? 'not empty' : `${minLength} characters or more`;
}
