import { readFileSync } from 'node:fs';
import { messageOf } from '../shared/errors.js';
import { nearestName } from '../shared/names.js';
import { coerce } from './coerce.js';
import type { Source, SourceEntry } from './source.js';
import type { ConfigProblem } from './problem.js';
import { expectation, settings, type Setting } from './settings.js';

export type Environment = Readonly<Record<string, string | undefined>>;

const byNamedVariable: ReadonlyMap<string, Setting> = new Map(
  settings.flatMap((one) => (one.namedVariable === undefined ? [] : [[one.namedVariable, one]])),
);
const byVariable = new Map(settings.map((one) => [one.variable, one]));
const fileSuffix = '_FILE';

/**
 * Reads the variables: first those that the specification names, then `INFERENCE_SERVICE__SECTION__KEY`, which win. `…_FILE` names
 * a file that holds the value. An empty variable counts as unset. Other INFERENCE_… variables are warned of.
 */
export function readEnvironment(environment: Environment): Source {
  const result = { entries: [] as SourceEntry[], problems: [] as ConfigProblem[], warnings: [] as string[] };
  const names = Object.keys(environment)
    .filter((name) => environment[name] !== undefined && environment[name] !== '')
    .sort();
  for (const known of [byNamedVariable, byVariable]) {
    for (const name of names) readVariable(name, known, environment, result);
  }
  for (const name of names) {
    if (name.startsWith('INFERENCE_') && settingOf(name, byVariable) === undefined)
      result.warnings.push(unknownVariable(name));
  }
  return result;
}

function settingOf(
  name: string,
  known: ReadonlyMap<string, Setting>,
): { setting: Setting; fromFile: boolean } | undefined {
  const direct = known.get(name);
  if (direct !== undefined) return { setting: direct, fromFile: false };
  if (!name.endsWith(fileSuffix)) return undefined;
  const setting = known.get(name.slice(0, -fileSuffix.length));
  return setting === undefined ? undefined : { setting, fromFile: true };
}

interface Result {
  readonly entries: SourceEntry[];
  readonly problems: ConfigProblem[];
}

function readVariable(
  name: string,
  known: ReadonlyMap<string, Setting>,
  environment: Environment,
  result: Result,
): void {
  const match = settingOf(name, known);
  if (match === undefined) return;
  const { setting, fromFile } = match;
  const { key, schema } = setting;
  const source = `variable ${name}`;
  const raw = environment[name] ?? '';
  if (!fromFile) {
    result.entries.push({ key, value: coerce(schema, raw), source });
    return;
  }
  try {
    // Editors and `echo` leave a line end that is not part of a secret.
    const text = readFileSync(raw, 'utf8').replace(/\r?\n$/, '');
    result.entries.push({ key, value: coerce(schema, text), source: `${source} (file ${raw})` });
  } catch (error) {
    const expected = `a file that holds it: ${expectation(schema)}`;
    result.problems.push({ key, source, expected, got: messageOf(error) });
  }
}

function unknownVariable(name: string): string {
  const meant = nearestName(name, byVariable.keys());
  return `variable ${name} is not a setting and was ignored${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}
