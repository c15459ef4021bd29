import type { Deadline } from '../../shared/deadline.js';
import type { FeatureRow } from '../signature.js';

export type ExplanationMethod = 'tree_path_dependent' | 'tree_interventional' | 'linear' | 'sampling';

/** What one feature adds to the score: all columns that the model sees of it, summed. */
export interface Contribution {
  readonly feature: string;
  /** Position of the feature in the version's `features`. */
  readonly index: number;
  readonly contribution: number;
  /** Of an estimate; absent where the value is exact. */
  readonly standardError?: number;
}

/** Why a row's score is what it is: `baseValue` and the contributions add up to the score. */
export interface Explanation {
  readonly method: ExplanationMethod;
  /** The class or output whose score is explained. */
  readonly output: string;
  /** Unit of the score: log-odds of boosted and linear classifiers, a probability, or the value itself. */
  readonly scale: 'log_odds' | 'probability' | 'value';
  /** The score that is expected when nothing is known of the row. */
  readonly baseValue: number;
  /** Largest magnitude first. */
  readonly contributions: readonly Contribution[];
}

/** Why there is none. */
export interface MissingExplanation {
  readonly code: 'explanation_unavailable' | 'explanation_dropped';
  readonly message: string;
}

/** What a version can explain, as told in /v1/models: a method, or what to add. */
export type ExplainsDescription = { readonly method: ExplanationMethod } | { readonly reason: string };

/** Explains rows of one version. Never throws for what a row, the model or the time does. */
export interface RowExplainer {
  readonly explains: ExplainsDescription;
  explain(row: FeatureRow, deadline: Deadline): Promise<Explanation | MissingExplanation>;
  close(): Promise<void>;
}

export function isMissing(answer: Explanation | MissingExplanation): answer is MissingExplanation {
  return 'code' in answer;
}

export function dropped(why: string): MissingExplanation {
  return { code: 'explanation_dropped', message: `The prediction is given without its explanation: ${why}` };
}

export const outOfTime = 'the time allowed does not suffice';

/** Largest magnitude first; equal ones in the order of the features. */
export function sorted(contributions: readonly Contribution[]): readonly Contribution[] {
  return [...contributions].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
}
