import type { FeatureRow, FeatureSpec } from '../signature.js';
import type { RowOutputs } from '../tensor-types.js';
import { CelMath } from './cel-math.js';
import { celFeatureValue } from './cel-types.js';
import type { Expression } from './expression.js';
import type { Classes } from './inferred-mapping.js';

interface FeatureReader {
  readonly name: string;
  readonly index: number;
  readonly convert: (row: FeatureRow[number]) => unknown;
}

/**
 * Evaluates the expressions of one version, row by row: `load` a row, then `run` each. One context object is used again
 * and again, which is sound because evaluation is synchronous; only what the expressions read is put into it.
 */
export class ExpressionRunner {
  readonly #context: Record<string, unknown>;
  readonly #variables: readonly string[];
  readonly #outputs: readonly string[];
  readonly #features: readonly FeatureReader[];

  constructor(expressions: readonly Expression[], features: readonly FeatureSpec[], classes: Classes) {
    const known = new Set(['math', 'classes']);
    this.#context = {
      math: new CelMath(),
      classes: classes.map((label) => (Number.isSafeInteger(label) ? BigInt(label) : label)),
    };
    const namesOf = (pick: (expression: Expression) => ReadonlySet<string>) => [
      ...new Set(expressions.flatMap((expression) => [...pick(expression)])),
    ];
    this.#variables = namesOf((expression) => expression.variables).filter((name) => !known.has(name));
    this.#outputs = namesOf((expression) => expression.outputs);
    this.#features = namesOf((expression) => expression.features).map((name) => featureReader(name, features));
  }

  load(outputs: RowOutputs, row: FeatureRow): void {
    for (const name of this.#variables) this.#context[name] = outputs[name];
    if (this.#outputs.length > 0) {
      this.#context['outputs'] = Object.fromEntries(this.#outputs.map((name) => [name, outputs[name]]));
    }
    if (this.#features.length > 0) {
      const read = (feature: FeatureReader) => [feature.name, feature.convert(row[feature.index] ?? null)] as const;
      this.#context['features'] = Object.fromEntries(this.#features.map(read));
    }
  }

  /** The value of an expression for the row loaded last. @throws EvaluationError */
  run(expression: Expression): unknown {
    return expression.evaluate(this.#context) as unknown;
  }
}

function featureReader(name: string, features: readonly FeatureSpec[]): FeatureReader {
  const index = features.findIndex((feature) => feature.name === name);
  const spec = features[index];
  if (spec === undefined) throw new Error(`An expression reads ${name}, which is no feature`);
  return { name, index, convert: celFeatureValue(spec) };
}
