import { Ajv, type ErrorObject } from 'ajv';
import type { SourceEntry } from './source.js';
import { shown } from './mask.js';
import type { ConfigProblem } from './problem.js';
import { configSchema } from './schema.js';
import { expectation, settings, settingsByKey } from './settings.js';

/** Checks the composed values against the schema: one problem a key, with its source. */
export function checkValues(tree: unknown, values: ReadonlyMap<string, SourceEntry>): ConfigProblem[] {
  const ajv = new Ajv({ allErrors: true, strict: true });
  const validate = ajv.compile(configSchema);
  if (validate(tree)) return [];
  const problems = new Map<string, ConfigProblem>();
  for (const error of validate.errors ?? []) {
    const problem = problemOf(error, values);
    if (!problems.has(problem.key)) problems.set(problem.key, problem);
  }
  return [...problems.values()];
}

function problemOf(error: ErrorObject, values: ReadonlyMap<string, SourceEntry>): ConfigProblem {
  const key = keyOf(error);
  const entry = values.get(key);
  const schema = settingsByKey.get(key)?.schema;
  return {
    key,
    source: entry?.source ?? sourceOfSection(key, values),
    expected: schema === undefined ? (error.message ?? 'another value') : expectation(schema),
    got: entry === undefined ? 'nothing' : shown(key, entry.value),
  };
}

/** The setting that an error is about: an element of a list belongs to the list. */
function keyOf(error: ErrorObject): string {
  const steps = error.instancePath.split('/').slice(1);
  if (error.keyword === 'required') steps.push((error.params as { missingProperty: string }).missingProperty);
  while (steps.length > 0 && !settingsByKey.has(steps.join('.'))) steps.pop();
  return steps.join('.');
}

/** A missing key is the fault of whoever began its section. */
function sourceOfSection(key: string, values: ReadonlyMap<string, SourceEntry>): string {
  const section = key.slice(0, key.lastIndexOf('.') + 1);
  const begun = settings.find(
    (one) => one.key.startsWith(section) && (values.get(one.key)?.source ?? 'default') !== 'default',
  );
  return begun === undefined ? 'default' : `the section of ${values.get(begun.key)?.source}`;
}
