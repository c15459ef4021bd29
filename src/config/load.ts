import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { coerce } from './coerce.js';
import { readEnvironment, type Environment } from './environment-source.js';
import { readConfigFile } from './file-source.js';
import { environments } from './options.js';
import { ConfigError } from './problem.js';
import type { Config } from './schema.js';
import { settings, settingsByKey, type Setting } from './settings.js';
import type { Source, SourceEntry } from './source.js';
import { checkValues } from './check-values.js';

export interface LoadRequest {
  /** --config: read instead of config/<environment>.yaml. */
  readonly file?: string | undefined;
  /** Flags by key: `{ 'inference_service.port': { flag: '--port', text: '8000' } }`. */
  readonly flags?: Readonly<Record<string, { readonly flag: string; readonly text: string }>>;
  readonly environment?: Environment;
  /** Folder that relative paths start from. */
  readonly cwd?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Key → where its value came from. */
  readonly sources: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/**
 * Reads the configuration: defaults < file < the specification's variables < INFERENCE_SERVICE__… < flags.
 * @throws ConfigError with every problem of every layer at once.
 */
export function loadConfig(request: LoadRequest = {}): LoadedConfig {
  const environment = request.environment ?? process.env;
  const layers = [fileLayer(request, environment), readEnvironment(environment), flagLayer(request.flags ?? {})];
  const values = withDefaults(layers.flatMap((layer) => layer.entries));
  const tree = treeOf(values);
  const problems = [...layers.flatMap((layer) => layer.problems), ...checkValues(tree, values)];
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    config: deepFreeze(tree) as Config,
    sources: new Map([...values].map(([key, entry]) => [key, entry.source])),
    warnings: layers.flatMap((layer) => layer.warnings),
  };
}

/** The package's own folder: two levels above this file, in `src/` and in `dist/`. */
const packageFolder = fileURLToPath(new URL('../../', import.meta.url));

function fileLayer(request: LoadRequest, environment: Environment): Source {
  const cwd = request.cwd ?? process.cwd();
  if (request.file !== undefined) return readConfigFile(path.resolve(cwd, request.file), request.file);
  const name = environment['ENVIRONMENT'] || environments[0];
  // A name that is not an environment becomes no path: the check of `environment` reports it.
  if (!(environments as readonly string[]).includes(name)) return { entries: [], problems: [], warnings: [] };
  const relative = path.join('config', `${name}.yaml`);
  const beside = path.resolve(cwd, relative);
  return readConfigFile(existsSync(beside) ? beside : path.join(packageFolder, relative), relative);
}

function flagLayer(flags: NonNullable<LoadRequest['flags']>): Source {
  const entries = Object.entries(flags).map(([key, { flag, text }]) => {
    const setting = settingsByKey.get(key);
    return { key, value: setting === undefined ? text : coerce(setting.schema, text), source: `flag ${flag}` };
  });
  return { entries, problems: [], warnings: [] };
}

function withDefaults(entries: readonly SourceEntry[]): Map<string, SourceEntry> {
  const given = new Map(entries.map((entry) => [entry.key, entry]));
  const values = new Map<string, SourceEntry>();
  for (const setting of settings) {
    const entry = given.get(setting.key) ?? defaultOf(setting, given);
    if (entry !== undefined) values.set(setting.key, entry);
  }
  return values;
}

function defaultOf(setting: Setting, given: ReadonlyMap<string, SourceEntry>): SourceEntry | undefined {
  if (setting.schema.default === undefined) return undefined;
  const section = setting.optionalSection;
  if (section !== undefined && ![...given.keys()].some((key) => key.startsWith(`${section}.`))) return undefined;
  return { key: setting.key, value: structuredClone(setting.schema.default), source: 'default' };
}

type Tree = Record<string, unknown>;

function treeOf(values: ReadonlyMap<string, SourceEntry>): Tree {
  const root: Tree = {};
  for (const setting of settings) ensureSection(root, setting);
  for (const [key, entry] of values) {
    const steps = key.split('.');
    const last = steps.pop() as string;
    let section = root;
    for (const step of steps) section = (section[step] ??= {}) as Tree;
    section[last] = entry.value;
  }
  return root;
}

/** Every section that is not optional exists, even where nothing in it has a value. */
function ensureSection(root: Tree, setting: Setting): void {
  if (setting.optionalSection !== undefined) return;
  let section = root;
  for (const step of setting.path.slice(0, -1)) section = (section[step] ??= {}) as Tree;
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
