import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Ajv, type ErrorObject } from 'ajv';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { isPlainObject } from '../shared/json.js';
import { nearestName } from '../shared/names.js';
import { featureViewsSchema, type FeatureViewDefinition } from './view-schema.js';
import type { FeatureView } from './view.js';

/** One thing wrong with features.yaml. `path` is dotted: `applicant_profile.on_stale`; empty for the file as a whole. */
export interface DefinitionProblem {
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

/** Everything that is wrong with features.yaml, in the order of its lines. */
export class FeatureDefinitionsError extends Error {
  override readonly name = 'FeatureDefinitionsError';
  readonly file: string;
  readonly problems: readonly DefinitionProblem[];

  constructor(file: string, problems: readonly DefinitionProblem[]) {
    const lines = problems.map(
      ({ line, path, message }) => `${file}:${line}: ${path === '' ? '' : `${path}: `}${message}`,
    );
    super(lines.join('\n'));
    this.file = file;
    this.problems = problems;
  }
}

/**
 * Reads the feature views of a file; an absent file is no views.
 * @throws FeatureDefinitionsError listing every problem; the file system's error when the file is there but cannot be read.
 */
export async function loadFeatureViews(file: string): Promise<ReadonlyMap<string, FeatureView>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  return parseFeatureViews(text, file);
}

/** @throws FeatureDefinitionsError listing every problem; `file` is only named in it. */
export function parseFeatureViews(text: string, file = 'features.yaml'): ReadonlyMap<string, FeatureView> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, stringKeys: true, uniqueKeys: true });
  const source: Source = { document, lines };
  let problems = syntaxProblems(source);
  const content: unknown = problems.length > 0 ? undefined : (document.toJS() ?? {});
  if (problems.length === 0) problems = schemaProblems(source, content);
  if (isPlainObject(content)) problems.push(...meaningProblems(source, content));
  if (problems.length > 0)
    throw new FeatureDefinitionsError(
      file,
      problems.sort((a, b) => a.line - b.line),
    );
  const definitions = Object.entries(content as Record<string, FeatureViewDefinition>);
  return new Map(definitions.map(([name, definition]) => [name, toView(name, definition)]));
}

interface Source {
  readonly document: Document;
  readonly lines: LineCounter;
}

function syntaxProblems({ document }: Source): DefinitionProblem[] {
  return document.errors.map((error) => ({
    line: error.linePos?.[0].line ?? 1,
    path: '',
    message: error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? error.code,
  }));
}

const checkShape = new Ajv({ allErrors: true, strict: true, verbose: false }).compile(featureViewsSchema);

function schemaProblems(source: Source, content: unknown): DefinitionProblem[] {
  if (checkShape(content)) return [];
  return (checkShape.errors ?? []).map((error) => schemaProblem(source, error));
}

function schemaProblem(source: Source, error: ErrorObject): DefinitionProblem {
  const steps = error.instancePath.split('/').slice(1).map(unescapePointer);
  const unknownKey = error.keyword === 'additionalProperties' ? String(error.params.additionalProperty) : undefined;
  const path = unknownKey === undefined ? steps : [...steps, unknownKey];
  return { line: lineOf(source, path), path: path.join('.'), message: describe(error, steps.length, unknownKey) };
}

function unescapePointer(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

const viewKeys = [
  ...['entity', 'table', 'key', 'timestamp', 'max_age_seconds'],
  ...['on_missing', 'on_stale', 'on_unavailable', 'pii', 'features'],
];

function describe(error: ErrorObject, depth: number, unknownKey: string | undefined): string {
  if (unknownKey !== undefined) return describeUnknown(unknownKey, depth);
  switch (error.keyword) {
    case 'required':
      return `lacks ${String(error.params.missingProperty)}`;
    case 'enum':
      return `must be one of ${(error.params.allowedValues as string[]).join(', ')}`;
    case 'pattern':
      return 'is not a name that a table or column can have';
    case 'minProperties':
      return 'must name at least one feature';
    default:
      return error.message ?? error.keyword;
  }
}

function describeUnknown(key: string, depth: number): string {
  if (depth === 0) return 'a view name must start with a letter and hold only letters, digits, _ and -, at most 128';
  if (depth === 2) return 'is not a name that a column can have';
  const near = nearestName(key, viewKeys);
  return near === undefined ? 'unknown key' : `unknown key; did you mean ${near}?`;
}

/** What the schema cannot say. Runs on content of any shape, so that all problems come at once. */
function meaningProblems(source: Source, content: Record<string, unknown>): DefinitionProblem[] {
  const problems: DefinitionProblem[] = [];
  for (const [name, view] of Object.entries(content)) {
    const found = isPlainObject(view) ? [...ageProblems(view), ...columnProblems(view)] : [];
    for (const [key, message] of found)
      problems.push({ line: lineOf(source, [name, key]), path: `${name}.${key}`, message });
  }
  return problems;
}

type KeyProblem = readonly [key: string, message: string];

function ageProblems(view: Record<string, unknown>): KeyProblem[] {
  const problems: KeyProblem[] = [];
  const limited = view['max_age_seconds'] !== undefined;
  if (limited && view['timestamp'] === undefined)
    problems.push(['max_age_seconds', 'needs `timestamp`: without it the age of a row is unknown']);
  if (view['on_stale'] !== undefined && !limited)
    problems.push(['on_stale', 'needs `max_age_seconds`: without it no row is ever stale']);
  return problems;
}

function columnProblems({ key, timestamp, features }: Record<string, unknown>): KeyProblem[] {
  const names = isPlainObject(features) ? Object.keys(features) : [];
  const problems = names
    .filter((name) => name === key || name === timestamp)
    .map((name): KeyProblem => ['features', `${name} is the key or the timestamp and cannot be a feature too`]);
  if (key !== undefined && key === timestamp) problems.push(['timestamp', 'is the same column as the key']);
  return problems;
}

/** The line of the deepest part of a path that exists. */
function lineOf({ document, lines }: Source, path: readonly string[]): number {
  let node: unknown = document.contents;
  let offset = rangeStart(node) ?? 0;
  for (const step of path) {
    const items = (node as { items?: { key: unknown; value: unknown }[] } | null)?.items ?? [];
    const pair = items.find(({ key }) => (key as { value?: unknown } | null)?.value === step);
    if (pair === undefined) break;
    offset = rangeStart(pair.key) ?? offset;
    node = pair.value;
  }
  return Math.max(1, lines.linePos(offset).line);
}

function rangeStart(node: unknown): number | undefined {
  return (node as { range?: readonly number[] } | null)?.range?.[0];
}

function toView(name: string, definition: FeatureViewDefinition): FeatureView {
  const { entity, table, key, timestamp, max_age_seconds: maxAgeSeconds } = definition;
  const features = Object.entries(definition.features).map(([feature, type]) => ({ name: feature, type }));
  return {
    ...{ name, entity, table, key, features },
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    onMissing: definition.on_missing ?? 'fail',
    onStale: definition.on_stale ?? 'fail',
    onUnavailable: definition.on_unavailable ?? 'fail',
    pii: definition.pii ?? false,
    fingerprint: fingerprintOf([name, entity, table, key, timestamp ?? null, features]),
  };
}

/** 16 hexadecimal digits. Policies are left out: they decide how a row is used, not what it is. */
function fingerprintOf(definition: unknown): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 16);
}
