import type { GraphSignature, TensorSpec } from '../runtime.js';
import type { OutputScalar, OutputValue, RowOutputs } from '../tensor-types.js';
import type { JsonObject, JsonValue } from '../../shared/json.js';
import { greatest } from './cel-math.js';
import { toJson } from './json-result.js';

export type Classes = readonly (string | number)[];

/** The two outputs of a classifier. */
export interface ClassifierOutputs {
  readonly label: string | undefined;
  /** One probability a class. */
  readonly probabilities: string;
  readonly classes: Classes;
}

/** The class labels of a version and what the graph calls them, or what is wrong with them. */
export interface ClassLabels {
  /** As the caller sees them; undefined when neither manifest nor graph names any. */
  readonly labels: Classes | undefined;
  /** As the graph's label output gives them. */
  readonly graphLabels: Classes | undefined;
  /** The manifest names the classes, which makes a classifier of a plain network. */
  readonly declared: boolean;
}

/** Finds label and probabilities of a classifier; undefined when the graph is none, or of several outputs of each kind. */
export function classifierOutputs(
  graph: GraphSignature,
  { labels, declared }: ClassLabels,
): ClassifierOutputs | undefined {
  if (graph.kind !== 'classifier' && !declared) return undefined;
  const scores = graph.outputs.filter(isScores);
  const others = graph.outputs.filter((output) => !isScores(output));
  const [probabilities] = scores;
  const [label] = others;
  if (probabilities === undefined || scores.length > 1 || others.length > 1) return undefined;
  const classes = labels ?? Array.from({ length: probabilities.dims[1] ?? 0 }, (_, index) => index);
  return { label: label?.name, probabilities: probabilities.name, classes };
}

/** A floating output [N, C] with C above 1, or not told. */
function isScores(output: TensorSpec): boolean {
  return output.type.startsWith('float') && output.dims.length === 2 && output.dims[1] !== 1;
}

/** Makes the prediction of a row from its outputs, without expressions. */
export type OutputMapping = (outputs: RowOutputs) => JsonObject;

/** `{label, probabilities}` for a classifier, `{value}` for a regression, else one key an output. */
export function inferredMapping(
  graph: GraphSignature,
  classifier: ClassifierOutputs | undefined,
  classLabels: ClassLabels,
): OutputMapping {
  if (classifier !== undefined) return classifierMapping(classifier, classLabels);
  const [only] = graph.outputs;
  if (graph.kind === 'regressor' && only !== undefined && graph.outputs.length === 1) {
    return (outputs) => ({ value: toJson(outputs[only.name], 'value') });
  }
  const names = graph.outputs.map(({ name }) => name);
  return (outputs) => Object.fromEntries(names.map((name) => [name, toJson(outputs[name], name)]));
}

function classifierMapping(classifier: ClassifierOutputs, { graphLabels }: ClassLabels): OutputMapping {
  const { label, probabilities, classes } = classifier;
  const keys = classes.map(String);
  const display = displayLabels(classes, graphLabels);
  return (outputs) => {
    const values = outputs[probabilities] as readonly number[];
    const byClass: Record<string, JsonValue> = {};
    for (let i = 0; i < values.length; i++) {
      const key = keys[i] ?? String(i);
      byClass[key] = toJson(values[i], `probabilities.${key}`);
    }
    const top = label === undefined ? classes[values.indexOf(greatest(values))] : display(outputs[label]);
    return { label: top ?? null, probabilities: byClass };
  };
}

/** The graph's label as the caller sees it: where the manifest renames classes, by position. */
function displayLabels(
  classes: Classes,
  graphLabels: Classes | undefined,
): (value: OutputValue | undefined) => JsonValue {
  const byGraphLabel = new Map<OutputScalar, string | number>();
  (graphLabels ?? classes.map((_, index) => index)).forEach((graphLabel, index) => {
    const shown = classes[index];
    if (shown !== undefined) byGraphLabel.set(typeof graphLabel === 'number' ? BigInt(graphLabel) : graphLabel, shown);
  });
  return (value) => byGraphLabel.get(value as OutputScalar) ?? toJson(value, 'label');
}
