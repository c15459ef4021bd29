import { inferFeatures } from '../manifest/infer-features.js';
import { manifestFile, type ManifestReading } from '../manifest/manifest-reader.js';
import { compileOutputMapper, type OutputMapper } from '../output/output-mapper.js';
import type { GraphSignature } from '../runtime.js';
import type { VersionName } from '../runtime-observer.js';
import type { FeatureSpec } from '../signature.js';
import { compileEncoder } from '../tensor-encoder.js';
import type { TensorEncoder } from '../tensor-types.js';
import type { VersionProblem } from '../version-problem.js';
import { storedFeatureFaults, type FeatureViewSources } from './stored-features.js';

/** How a version turns features into tensors and outputs into a prediction. */
export interface VersionPlan {
  readonly features: readonly FeatureSpec[];
  readonly encoder: TensorEncoder;
  readonly mapper: OutputMapper;
}

export interface PlanOptions {
  readonly name: VersionName;
  readonly reading: ManifestReading;
  readonly graph: GraphSignature;
  /** A model server names its tensors, and nobody their columns: a row of an input is one feature. */
  readonly wholeTensors: boolean;
  readonly views: FeatureViewSources;
}

/** Joins the manifest and the graph. What does not fit is added to `problems`, all of it; undefined then. */
export function planVersion(options: PlanOptions, problems: VersionProblem[]): VersionPlan | undefined {
  const features = featuresOf(options, problems);
  if (features === undefined) return undefined;
  problems.push(...storedProblems(options, features));
  const encoder = encoderOf(options, features, problems);
  const mapper = mapperOf(options, features, problems);
  if (encoder === undefined || mapper === undefined) return undefined;
  problems.push(...unusedProblems(options, features, { encoder, mapper }));
  return { features, encoder, mapper };
}

function featuresOf(
  { reading, graph, wholeTensors }: PlanOptions,
  problems: VersionProblem[],
): readonly FeatureSpec[] | undefined {
  if (reading.features !== undefined) return reading.features;
  if (reading.source !== undefined && reading.manifest === undefined) return undefined;
  const { features, unnamed } = inferFeatures(graph, wholeTensors);
  if (features !== undefined) return features;
  const count = unnamed.columns === null ? 'the columns' : `the ${unnamed.columns} columns`;
  const message = `must name ${count} of input '${unnamed.input.name}' under \`features\`: the graph does not`;
  problems.push({ file: manifestFile, message, severity: 'error' });
  return undefined;
}

function storedProblems({ reading, views }: PlanOptions, features: readonly FeatureSpec[]): VersionProblem[] {
  return storedFeatureFaults(features, views).map(({ index, message }) =>
    problemAt(reading, ['features', index, 'from'], message),
  );
}

function encoderOf(
  { reading, graph }: PlanOptions,
  features: readonly FeatureSpec[],
  problems: VersionProblem[],
): TensorEncoder | undefined {
  const mapping = reading.manifest?.inputs;
  const result = compileEncoder({ features, inputs: graph.inputs, ...(mapping !== undefined && { mapping }) });
  if ('encoder' in result && result.encoder !== undefined) return result.encoder;
  const path = mapping === undefined ? ['features'] : ['inputs'];
  problems.push(...result.problems.map((message) => problemAt(reading, path, message)));
  return undefined;
}

function mapperOf(
  { name, reading, graph }: PlanOptions,
  features: readonly FeatureSpec[],
  problems: VersionProblem[],
): OutputMapper | undefined {
  const { classes, prediction, confidence } = reading.manifest ?? {};
  const result = compileOutputMapper({ name, graph, features, classes, prediction, confidence });
  if ('mapper' in result) return result.mapper;
  problems.push(...result.faults.map(({ path, message }) => problemAt(reading, path, message)));
  return undefined;
}

/** A feature that neither an input nor an expression uses is a mistake. */
function unusedProblems(
  { reading }: PlanOptions,
  features: readonly FeatureSpec[],
  { encoder, mapper }: Pick<VersionPlan, 'encoder' | 'mapper'>,
): VersionProblem[] {
  const fed = new Set(Object.values(encoder.inputs).flat());
  return features.flatMap(({ name }, index) =>
    fed.has(name) || mapper.usedFeatures.has(name)
      ? []
      : [problemAt(reading, ['features', index], `${name} feeds no input of the graph and no expression reads it`)],
  );
}

function problemAt({ source }: ManifestReading, path: readonly (string | number)[], message: string): VersionProblem {
  return source?.problem(path, message) ?? { file: manifestFile, message, severity: 'error' };
}
