import { messageOf, ServiceError } from '../../shared/errors.js';
import type { JsonObject } from '../../shared/json.js';
import type { RowPrediction } from '../catalogue.js';
import type { GraphSignature } from '../runtime.js';
import type { VersionName } from '../runtime-observer.js';
import type { FeatureRow, FeatureSpec } from '../signature.js';
import type { RowOutputs } from '../tensor-types.js';
import { ExpressionCompiler, ExpressionError, type Expression } from './expression.js';
import { ExpressionRunner } from './expression-runner.js';
import {
  classifierOutputs,
  inferredMapping,
  type ClassifierOutputs,
  type ClassLabels,
  type Classes,
} from './inferred-mapping.js';
import { toJson, UnsendableResult } from './json-result.js';
import { greatest } from './cel-math.js';

/** What turns the outputs of one row into its prediction. */
export interface OutputMapper {
  /** @throws ServiceError INTERNAL_ERROR that names the model: NaN, infinity, an integer beyond 2^53, confidence outside 0…1. */
  map(outputs: RowOutputs, row: FeatureRow): RowPrediction;
  /** Features that expressions read. */
  readonly usedFeatures: ReadonlySet<string>;
  /** Class labels in the order of the probabilities, where known. */
  readonly classes: Classes | undefined;
}

export interface OutputMapperOptions {
  readonly name: VersionName;
  readonly graph: GraphSignature;
  readonly features: readonly FeatureSpec[];
  /** From the manifest. */
  readonly classes?: Classes | undefined;
  readonly prediction?: Readonly<Record<string, string>> | undefined;
  readonly confidence?: string | undefined;
}

/** A key of the manifest that does not fit the graph. */
export interface OutputFault {
  readonly path: readonly string[];
  readonly message: string;
}

export type OutputMapperResult = { readonly mapper: OutputMapper } | { readonly faults: readonly OutputFault[] };

/** Compiles the mapping of a version once; every expression that is wrong is a fault of its own. */
export function compileOutputMapper(options: OutputMapperOptions): OutputMapperResult {
  const { graph, features } = options;
  const faults: OutputFault[] = [];
  const labels = classLabels(options, faults);
  const compiler = new ExpressionCompiler({ outputs: graph.outputs, features, classes: labels.labels });
  const prediction = Object.entries(options.prediction ?? {}).map(
    ([key, source]) => [key, tryCompile(compiler, source, ['prediction', key], faults)] as const,
  );
  const confidence =
    options.confidence === undefined ? undefined : compileConfidence(compiler, options.confidence, faults);
  if (faults.length > 0) return { faults };
  const compiled = prediction.filter((entry): entry is [string, Expression] => entry[1] !== undefined);
  return { mapper: assemble(options, labels, new Map(compiled), confidence) };
}

function assemble(
  { name, graph, features }: OutputMapperOptions,
  labels: ClassLabels,
  prediction: ReadonlyMap<string, Expression>,
  confidence: Expression | undefined,
): OutputMapper {
  const expressions = [...prediction.values(), ...(confidence === undefined ? [] : [confidence])];
  const runner = new ExpressionRunner(expressions, features, labels.labels ?? []);
  const classifier = classifierOutputs(graph, labels);
  const native = prediction.size === 0 ? inferredMapping(graph, classifier, labels) : undefined;
  const mapRow = (outputs: RowOutputs, row: FeatureRow): RowPrediction => {
    runner.load(outputs, row);
    return {
      prediction: native === undefined ? runAll(runner, prediction) : native(outputs),
      confidence: checkConfidence(
        confidence === undefined ? topProbability(classifier, outputs) : runner.run(confidence),
      ),
    };
  };
  return {
    usedFeatures: new Set(expressions.flatMap((expression) => [...expression.features])),
    classes: labels.labels,
    map: (outputs, row) => {
      try {
        return mapRow(outputs, row);
      } catch (error) {
        throw mappingError(name, error);
      }
    },
  };
}

function runAll(runner: ExpressionRunner, prediction: ReadonlyMap<string, Expression>): JsonObject {
  const result: Record<string, JsonObject[string]> = {};
  for (const [key, expression] of prediction) result[key] = toJson(runner.run(expression), key);
  return result;
}

function topProbability(classifier: ClassifierOutputs | undefined, outputs: RowOutputs): number | null {
  return classifier === undefined ? null : greatest(outputs[classifier.probabilities] as readonly number[]);
}

/** float32 sums may end a hair above 1. */
const roundingSlack = 1e-6;

function checkConfidence(value: unknown): number | null {
  const confidence = toJson(value, 'confidence');
  if (confidence === null) return null;
  if (typeof confidence !== 'number' || confidence < -roundingSlack || confidence > 1 + roundingSlack) {
    throw new UnsendableResult(
      'confidence is not in 0…1; write `confidence` in model.yaml ("null" where the model gives none)',
    );
  }
  return Math.min(1, Math.max(0, confidence));
}

function mappingError({ modelId, version }: VersionName, error: unknown): ServiceError {
  const reason = error instanceof UnsendableResult ? error.message : 'its output cannot be mapped to a prediction';
  return new ServiceError('INTERNAL_ERROR', `Model '${modelId}' ${version} gave no usable prediction: ${reason}`, {
    details: { model_id: modelId, model_version: version },
    cause: error,
  });
}

function classLabels({ graph, classes }: OutputMapperOptions, faults: OutputFault[]): ClassLabels {
  const labels = classes ?? graph.classes;
  const width = graph.classes?.length ?? classWidth(graph);
  if (classes !== undefined && width !== undefined && classes.length !== width) {
    faults.push({ path: ['classes'], message: `names ${classes.length} classes; the graph has ${width}` });
  }
  if (labels !== undefined && new Set(labels.map(String)).size < labels.length) {
    faults.push({ path: ['classes'], message: 'names a class twice' });
  }
  return { labels, graphLabels: graph.classes, declared: classes !== undefined };
}

function classWidth(graph: GraphSignature): number | undefined {
  const found = classifierOutputs(graph, { labels: [], graphLabels: undefined, declared: true });
  return graph.outputs.find((output) => output.name === found?.probabilities)?.dims[1] ?? undefined;
}

function compileConfidence(
  compiler: ExpressionCompiler,
  source: string,
  faults: OutputFault[],
): Expression | undefined {
  const expression = tryCompile(compiler, source, ['confidence'], faults);
  if (expression !== undefined && !['double', 'int', 'dyn', 'null'].includes(expression.type)) {
    faults.push({ path: ['confidence'], message: `\`${source}\` gives ${expression.type}; a number in 0…1 is needed` });
  }
  return expression;
}

function tryCompile(
  compiler: ExpressionCompiler,
  source: string,
  path: readonly string[],
  faults: OutputFault[],
): Expression | undefined {
  try {
    return compiler.compile(source);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    faults.push({ path, message: messageOf(error) });
    return undefined;
  }
}
