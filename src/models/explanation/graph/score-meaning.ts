import type { ScoreMeaning } from './scored-node.js';

/** The score that is explained of a row, and which class or output it is of. */
export interface ExplainedScore {
  readonly target: number;
  /** Place among the classes or outputs. */
  readonly place: number;
  /** How many there are. */
  readonly places: number;
}

/** The second of two classes; of more classes the one of the largest score, which only then is asked for; of a regression the first output. */
export function explainedScore(
  { kind, positive }: ScoreMeaning,
  targets: number,
  scoresOf: () => Float64Array,
): ExplainedScore {
  if (positive !== undefined) return { target: positive, place: 1, places: 2 };
  if (kind === 'regressor') return { target: 0, place: 0, places: targets };
  const scores = scoresOf();
  let best = 0;
  for (let at = 1; at < scores.length; at++) if (scores[at]! > scores[best]!) best = at;
  return { target: best, place: best, places: scores.length };
}

/** In which unit the raw scores are. */
export function scaleOf({ kind, transform }: ScoreMeaning): 'log_odds' | 'probability' | 'value' {
  if (kind === 'regressor') return 'value';
  return transform === 'NONE' ? 'probability' : 'log_odds';
}

/** float32 sums over many trees, seen through a logistic or a softmax. */
const tolerance = 1e-4;

/** Whether the numbers that the model gave (one a class, or one an output) are what the raw scores become. */
export function agrees(meaning: ScoreMeaning, scores: Float64Array, answered: readonly number[]): boolean {
  return expectations(meaning, scores).some(
    (wanted) =>
      wanted.length === answered.length &&
      wanted.every((want, at) => Math.abs(want - (answered[at] ?? NaN)) <= tolerance * Math.max(1, Math.abs(want))),
  );
}

function expectations(
  { kind, transform, positive }: ScoreMeaning,
  scores: Float64Array,
): readonly (readonly number[])[] {
  if (kind === 'regressor') return [[...scores]];
  const link = transform === 'LOGISTIC' ? logistic : (score: number) => score;
  if (positive !== undefined) {
    const probability = link(scores[positive] ?? 0);
    return [[1 - probability, probability]];
  }
  if (transform.startsWith('SOFTMAX'))
    return [shares([...scores].map((score) => Math.exp(score - Math.max(...scores))))];
  const each = [...scores].map(link);
  return [each, shares(each)];
}

const logistic = (score: number): number => 1 / (1 + Math.exp(-score));

function shares(values: readonly number[]): number[] {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
}
