import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { messageOf } from '../../shared/errors.js';
import { isPlainObject, jsonTypeOf } from '../../shared/json.js';
import { nearestName } from '../../shared/names.js';
import type { FeatureSpec } from '../signature.js';
import type { VersionProblem } from '../version-problem.js';
import { featureFaults, toFeatureSpec } from './feature-rules.js';
import { manifestSchema, type Manifest, type ManifestFeature } from './manifest-schema.js';
import { YamlSource, type YamlPath } from './yaml-source.js';

export const manifestFile = 'model.yaml';
/** Longest model.yaml that is read, in bytes. */
export const maxManifestBytes = 1 << 20;

export interface ManifestReading {
  /** The manifest as written; undefined when its form is wrong. */
  readonly manifest?: Manifest;
  /** Its features; undefined when it names none. */
  readonly features?: readonly FeatureSpec[];
  readonly source?: YamlSource;
  readonly problems: readonly VersionProblem[];
}

/** Reads model.yaml and lists everything that is wrong with it, each with its line. */
export class ManifestReader {
  readonly #validate: ValidateFunction<Manifest>;

  constructor() {
    const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true });
    this.#validate = ajv.compile<Manifest>(manifestSchema);
  }

  read(text: string): ManifestReading {
    const source = new YamlSource(manifestFile, text);
    const syntax = source.syntaxProblems();
    if (syntax.length > 0) return { problems: syntax };
    let value: unknown;
    try {
      value = source.value() ?? {};
    } catch (error) {
      return { problems: [{ file: manifestFile, message: messageOf(error), severity: 'error' }] };
    }
    return this.#validate(value) ? checkContent(value, source) : this.#formProblems(source, value);
  }

  #formProblems(source: YamlSource, value: unknown): ManifestReading {
    const errors = withoutBranches(this.#validate.errors ?? []);
    const form = errors.map((error) => formProblem(source, error));
    return {
      source,
      problems: [...form, ...duplicateNames(source, value), ...soundFeatureFaults(source, value, errors)],
    };
  }
}

/** Where the form of one feature is wrong, the contradictions within the others are told all the same. */
function soundFeatureFaults(source: YamlSource, value: unknown, errors: readonly ErrorObject[]): VersionProblem[] {
  const features = isPlainObject(value) ? value['features'] : undefined;
  if (!Array.isArray(features)) return [];
  const unsound = new Set(errors.map(({ instancePath }) => /^\/features\/(\d+)/.exec(instancePath)?.[1]));
  return features.flatMap((feature: ManifestFeature, index) =>
    unsound.has(String(index)) ? [] : faultsAt(source, feature, index),
  );
}

function faultsAt(source: YamlSource, feature: ManifestFeature, index: number): VersionProblem[] {
  return featureFaults(feature).map(({ message, key }) => source.problem(['features', index], message, key));
}

/** Of a value that fits no branch of a union, only the union's own error says something. */
function withoutBranches(errors: readonly ErrorObject[]): ErrorObject[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf');
  return errors.filter((error) => !unions.some((union) => isBranchOf(error, union)));
}

function isBranchOf(error: ErrorObject, union: ErrorObject): boolean {
  return (
    error !== union &&
    error.schemaPath.startsWith(`${union.schemaPath}/`) &&
    (error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`))
  );
}

function formProblem(source: YamlSource, error: ErrorObject): VersionProblem {
  const path = pathOf(error.instancePath);
  const unknown = (error.params as { additionalProperty?: string }).additionalProperty;
  if (unknown !== undefined) return source.problem(path, unknownKey(unknown, error), unknown);
  return source.problem(path, formMessage(error));
}

function unknownKey(key: string, error: ErrorObject): string {
  const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
  const near = nearestName(key, known);
  return near === undefined
    ? `is not a known key (known: ${known.join(', ')})`
    : `is not a known key; did you mean ${near}?`;
}

function formMessage(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return `needs the key ${String(params['missingProperty'])}`;
    case 'type':
      return `must be ${article(String(params['type']))}, not ${article(jsonTypeOf(error.data))}`;
    case 'enum':
      return enumMessage(params['allowedValues'] as readonly string[], error.data);
    case 'anyOf':
      return `must be ${describeUnion(error)}`;
    case 'pattern':
      return error.instancePath === '/url'
        ? 'must begin with http:// or https://'
        : 'must have the form <feature view>.<feature>';
    default:
      return error.message ?? 'is not valid';
  }
}

function enumMessage(allowed: readonly string[], data: unknown): string {
  const near = typeof data === 'string' ? nearestName(data, allowed) : undefined;
  return `must be one of ${allowed.join(', ')}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

function describeUnion(error: ErrorObject): string {
  const description = error.parentSchema?.['description'] as unknown;
  return typeof description === 'string' ? description : 'text or a number';
}

function article(type: string): string {
  if (type === 'null') return 'empty';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function pathOf(pointer: string): YamlPath {
  const steps = pointer.split('/').slice(1);
  return steps.map((step) => {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return /^\d+$/.test(key) ? Number(key) : key;
  });
}

function checkContent(manifest: Manifest, source: YamlSource): ManifestReading {
  const problems = duplicateNames(source, manifest);
  (manifest.features ?? []).forEach((feature, index) => problems.push(...faultsAt(source, feature, index)));
  problems.push(...exampleProblems(manifest, source));
  const features = manifest.features?.map(toFeatureSpec);
  return { manifest, source, problems, ...(features !== undefined && { features }) };
}

function duplicateNames(source: YamlSource, value: unknown): VersionProblem[] {
  const features = isPlainObject(value) ? value['features'] : undefined;
  if (!Array.isArray(features)) return [];
  const first = new Map<unknown, number>();
  const problems: VersionProblem[] = [];
  features.forEach((feature: unknown, index) => {
    const name = isPlainObject(feature) ? feature['name'] : undefined;
    if (name === undefined) return;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, index);
    else problems.push(source.problem(['features', index], `is the same name as features[${earlier}]`, 'name'));
  });
  return problems;
}

/** An example may leave features out, but not invent any. */
function exampleProblems(manifest: Manifest, source: YamlSource): VersionProblem[] {
  const names = manifest.features?.map((feature) => feature.name);
  if (names === undefined) return [];
  const known = new Set(names);
  return (manifest.examples ?? []).flatMap((example, index) =>
    Object.keys(example.features)
      .filter((name) => !known.has(name))
      .map((name) => source.problem(['examples', index, 'features'], notAFeature(name, names), name)),
  );
}

/** Words for a name that no feature has. */
export function notAFeature(name: string, names: Iterable<string>): string {
  const near = nearestName(name, names);
  return `is not a feature of this model${near === undefined ? '' : `; did you mean ${near}?`}`;
}
