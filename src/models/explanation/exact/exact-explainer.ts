import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../../shared/errors.js';
import type { Deadline } from '../../../shared/deadline.js';
import type { FeatureRow, FeatureSpec } from '../../signature.js';
import {
  dropped,
  outOfTime,
  sorted,
  type Explanation,
  type ExplanationMethod,
  type MissingExplanation,
  type RowExplainer,
} from '../explanation.js';
import type { ModelColumns } from '../graph/model-columns.js';
import { explainedScore, scaleOf, type ExplainedScore } from '../graph/score-meaning.js';
import type { ScoreMeaning } from '../graph/scored-node.js';
import type { ScoreOutput } from '../score-output.js';
import type { ExactShapley } from './shapley-values.js';

/** Computes the values of the columns: here, or in a thread. @throws Error at the deadline or when the thread is lost */
export interface ColumnValues {
  valuesOf(row: Float64Array, target: number, deadline: Deadline): Promise<Float64Array>;
  /** What one row costs in microseconds, as far as it is known. */
  readonly costUs: number;
  close(): Promise<void>;
}

export interface ExactParts {
  readonly method: ExplanationMethod;
  readonly shapley: ExactShapley;
  readonly values: ColumnValues;
  readonly meaning: ScoreMeaning;
  readonly columns: ModelColumns;
  readonly features: readonly Pick<FeatureSpec, 'name'>[];
  readonly output: ScoreOutput;
}

/** Exact values of the columns, summed over the columns of each feature. */
export class ExactExplainer implements RowExplainer {
  readonly explains: { readonly method: ExplanationMethod };
  readonly #parts: ExactParts;

  constructor(parts: ExactParts) {
    this.#parts = parts;
    this.explains = { method: parts.method };
  }

  async explain(row: FeatureRow, deadline: Deadline): Promise<Explanation | MissingExplanation> {
    const { shapley, values, meaning, columns } = this.#parts;
    if (deadline.remainingMs() * 1000 <= values.costUs || deadline.cancelled) return dropped(outOfTime);
    try {
      const seen = columns.of(row);
      const score = explainedScore(meaning, shapley.targets, () => shapley.scores(seen));
      return this.#explanation(await values.valuesOf(seen, score.target, deadline), score);
    } catch (error) {
      return dropped(messageOf(error));
    }
  }

  close(): Promise<void> {
    return this.#parts.values.close();
  }

  #explanation(values: Float64Array, { target, place, places }: ExplainedScore): Explanation {
    const { method, shapley, meaning, columns, features, output } = this.#parts;
    const sums = new Float64Array(features.length);
    columns.features.forEach((feature, column) => (sums[feature]! += values[column] ?? 0));
    const contributions = features.map(({ name }, index) => ({ feature: name, index, contribution: sums[index] ?? 0 }));
    return {
      method,
      output: output.name(place, places),
      scale: scaleOf(meaning),
      baseValue: shapley.baseOf(target),
      contributions: sorted(contributions),
    };
  }
}

/** On the event loop, but for the first one row a turn: a batch lets others in between. */
export class InlineValues implements ColumnValues {
  readonly costUs: number;
  readonly #shapley: ExactShapley;
  #hadTurn = false;

  constructor(shapley: ExactShapley, costUs: number) {
    this.#shapley = shapley;
    this.costUs = costUs;
  }

  async valuesOf(row: Float64Array, target: number): Promise<Float64Array> {
    if (this.#hadTurn) await nextTurn();
    this.#hadTurn = true;
    setImmediate(() => (this.#hadTurn = false));
    return this.#shapley.valuesOf(row, target);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
