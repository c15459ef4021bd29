import { nearestName } from '../shared/names.js';
import type { TensorSpec } from './runtime.js';
import type { FeatureSpec } from './signature.js';
import { isFloat } from './tensor-range.js';
import type { InputMapping } from './tensor-types.js';

/** One graph input, the features that fill a row of it (positions in the version's `features`), and its dims after the rows. */
export interface InputPlan {
  readonly spec: TensorSpec;
  readonly features: readonly FeatureSpec[];
  readonly positions: readonly number[];
  readonly rest: readonly number[];
  /** Elements of one row. */
  readonly width: number;
}

export type MappingResult<T> = { readonly value: T; readonly problems: readonly string[] };

/**
 * `inputs` as it is when model.yaml has none: inputs named like features take one each; one further input takes the
 * other features in order.
 */
export function inferMapping(
  features: readonly FeatureSpec[],
  inputs: readonly TensorSpec[],
): MappingResult<InputMapping> {
  const mapping: Record<string, string | readonly string[]> = {};
  const names = new Set(features.map((feature) => feature.name));
  const open = inputs.filter((input) => !names.has(input.name));
  for (const input of inputs) if (names.has(input.name)) mapping[input.name] = input.name;
  const left = features.map((feature) => feature.name).filter((name) => mapping[name] === undefined);
  const [only] = open;
  if (open.length === 1 && only !== undefined && left.length > 0) {
    mapping[only.name] = left.length === 1 && left[0] !== undefined ? left[0] : left;
    return { value: mapping, problems: [] };
  }
  if (open.length === 0 && left.length === 0) return { value: mapping, problems: [] };
  const problem =
    open.length === 0
      ? `no input of the graph takes ${quoted(left)}: remove them, or write \`inputs\``
      : `the graph has the inputs ${quoted(inputs.map((input) => input.name))}: write \`inputs\` to say which features fill them`;
  return { value: mapping, problems: [problem] };
}

/** Checks a mapping against the graph and says where each row's elements go. Problems are in words for model.yaml's author. */
export function planInputs(
  features: readonly FeatureSpec[],
  mapping: InputMapping,
  inputs: readonly TensorSpec[],
): MappingResult<readonly InputPlan[]> {
  const problems: string[] = [];
  const plans: InputPlan[] = [];
  const known = inputs.map((input) => input.name);
  for (const name of Object.keys(mapping)) {
    if (!known.includes(name)) problems.push(`the graph has no input '${name}'${meant(name, known)}`);
  }
  for (const spec of inputs) {
    if (!Object.hasOwn(mapping, spec.name)) {
      problems.push(`input '${spec.name}' gets no features: name them under \`inputs\``);
      continue;
    }
    const plan = planInput(spec, [mapping[spec.name] ?? []].flat(), features);
    problems.push(...plan.problems);
    if (plan.value !== undefined) plans.push(plan.value);
  }
  return { value: plans, problems };
}

function planInput(
  spec: TensorSpec,
  names: readonly string[],
  features: readonly FeatureSpec[],
): MappingResult<InputPlan | undefined> {
  const all = features.map((feature) => feature.name);
  const positions = names.map((name) => all.indexOf(name));
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    const problems = unknown.map(
      (name) => `input '${spec.name}' wants feature '${name}', which is not declared${meant(name, all)}`,
    );
    return { value: undefined, problems };
  }
  const used = positions.map((position) => features[position] as FeatureSpec);
  const problems = used.flatMap((feature) => typeProblem(feature, spec) ?? []);
  const shape = restOf(spec, used);
  if (typeof shape === 'string') return { value: undefined, problems: [...problems, shape] };
  const width = used.reduce((sum, feature) => sum + sizeOf(feature), 0);
  return { value: { spec, features: used, positions, rest: shape, width }, problems };
}

/** Why a feature's values cannot stand in a tensor; undefined when they can. */
function typeProblem(feature: FeatureSpec, { name, type }: TensorSpec): string | undefined {
  const where = `feature '${feature.name}' is ${feature.type}, but input '${name}' holds ${type}`;
  if (feature.type === 'string' || type === 'string') {
    if (feature.type !== type) return `${where}: text and numbers do not convert into each other`;
  } else if (feature.type === 'number' && !isFloat(type)) {
    return `${where}: declare it ${type === 'bool' ? 'boolean' : 'integer'}`;
  } else if (type === 'bool' && feature.type !== 'boolean') {
    return `${where}: declare it boolean`;
  }
  if (feature.nullable && type !== 'string' && !isFloat(type)) {
    return `${where}, which has no value for null: it cannot be nullable`;
  }
  return undefined;
}

function sizeOf(feature: FeatureSpec): number {
  return feature.shape?.reduce((product, dim) => product * dim, 1) ?? 1;
}

/** The dims of one row as numbers, or what is wrong with them in words. */
function restOf(spec: TensorSpec, features: readonly FeatureSpec[]): readonly number[] | string {
  const [rows, ...rest] = spec.dims;
  if (rows === undefined) return `input '${spec.name}' has no dimension for the rows`;
  if (rows !== null && rows !== 1) {
    return `input '${spec.name}' takes exactly ${rows} rows at a time: export it with a first dimension that varies`;
  }
  const width = features.reduce((sum, feature) => sum + sizeOf(feature), 0);
  const [only] = features;
  const shape = features.length === 1 ? (only?.shape ?? undefined) : undefined;
  if (shape !== undefined && shape.length === rest.length) return matching(spec, shape);
  return solved(spec, rest, width) ?? wrongWidth(spec, features, width);
}

function matching(spec: TensorSpec, shape: readonly number[]): readonly number[] | string {
  const fits = shape.every((dim, at) => spec.dims[at + 1] === null || spec.dims[at + 1] === dim);
  return fits ? shape : `input '${spec.name}' wants ${shapeOf(spec)}, the feature's shape is [${shape.join(', ')}]`;
}

/** Fills in the one dimension that varies, if any, so that the row has `width` elements. */
function solved(spec: TensorSpec, rest: readonly (number | null)[], width: number): readonly number[] | undefined {
  const fixed = rest.reduce<number>((product, dim) => product * (dim ?? 1), 1);
  const open = rest.filter((dim) => dim === null).length;
  if (open === 0) return fixed === width ? (rest as readonly number[]) : undefined;
  if (open > 1 || fixed === 0 || width % fixed !== 0 || width === 0) return undefined;
  return rest.map((dim) => dim ?? width / fixed);
}

function wrongWidth(spec: TensorSpec, features: readonly FeatureSpec[], width: number): string {
  const names = quoted(features.map((feature) => feature.name));
  if (spec.dims.slice(1).filter((dim) => dim === null).length > 1) {
    return `input '${spec.name}' wants ${shapeOf(spec)}: feed it from one feature with a \`shape\``;
  }
  const wanted = spec.dims.slice(1).reduce<number>((product, dim) => product * (dim ?? 1), 1);
  return `input '${spec.name}' wants ${wanted} ${wanted === 1 ? 'column' : 'columns'}, the manifest gives ${width}: ${names}`;
}

function shapeOf(spec: TensorSpec): string {
  return `[${spec.dims.map((dim, at) => dim ?? (at === 0 ? 'N' : '?')).join(', ')}]`;
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `'${name}'`);
  return names.length > 8 ? `${shown.join(', ')} and ${names.length - 8} more` : shown.join(', ') || 'none';
}

function meant(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `: did you mean '${nearest}'?`;
}
