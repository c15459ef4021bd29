import { classifierOutputs, type Classes } from '../output/inferred-mapping.js';
import type { GraphSignature } from '../runtime.js';
import type { OutputValue, RowOutputs } from '../tensor-types.js';

/** Where a model's own answer is found among its outputs: the probabilities of a classifier, or its first number. */
export interface ScoreOutput {
  readonly kind: 'classifier' | 'other';
  /** What the caller knows the class or output by. */
  name(place: number, places: number): string;
  /** One number a class, or one an output. */
  read(outputs: RowOutputs): readonly number[];
}

/** undefined when no output holds numbers. `classes`: as the caller sees them. */
export function scoreOutput(graph: GraphSignature, classes: Classes | undefined): ScoreOutput | undefined {
  const labels = { labels: classes, graphLabels: graph.classes, declared: classes !== graph.classes };
  const classifier = classifierOutputs(graph, labels);
  if (classifier !== undefined) {
    return {
      kind: 'classifier',
      name: (place) => String(classifier.classes[place] ?? place),
      read: (outputs) => numbersOf(outputs[classifier.probabilities]),
    };
  }
  const first = graph.outputs.find(({ type }) => type !== 'string' && type !== 'bool');
  if (first === undefined) return undefined;
  return {
    kind: 'other',
    name: (place, places) => (places === 1 ? 'value' : `value[${place}]`),
    read: (outputs) => numbersOf(outputs[first.name]),
  };
}

function numbersOf(value: OutputValue | undefined): number[] {
  if (typeof value === 'number' || typeof value === 'bigint') return [Number(value)];
  return Array.isArray(value) ? (value as readonly OutputValue[]).flatMap(numbersOf) : [];
}
