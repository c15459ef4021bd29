import type { ExactShapley } from './shapley-values.js';

/** scores[target] = intercepts[target] + Σ coefficients[target * columns + column] x[column]. Plain data. */
export interface LinearScores {
  readonly columns: number;
  readonly targets: number;
  readonly coefficients: Float64Array;
  readonly intercepts: Float64Array;
}

/** Shapley values of a linear score, its features being independent: coefficient × (value - mean). */
export class LinearShapley implements ExactShapley {
  readonly #linear: LinearScores;
  readonly #means: Float64Array;

  /** `means`: of each column. */
  constructor(linear: LinearScores, means: Float64Array) {
    this.#linear = linear;
    this.#means = means;
  }

  get targets(): number {
    return this.#linear.targets;
  }

  scores(row: Float64Array): Float64Array {
    return this.#linear.intercepts.map((_, target) => this.#score(row, target));
  }

  baseOf(target: number): number {
    return this.#score(this.#means, target);
  }

  valuesOf(row: Float64Array, target: number): Float64Array {
    const { columns, coefficients } = this.#linear;
    return this.#means.map((mean, column) => coefficients[target * columns + column]! * (row[column]! - mean));
  }

  #score(row: Float64Array, target: number): number {
    const { columns, coefficients, intercepts } = this.#linear;
    let score = intercepts[target]!;
    for (let column = 0; column < columns; column++) score += coefficients[target * columns + column]! * row[column]!;
    return score;
  }
}

/** The mean of each column. */
export function meansOf(rows: readonly Float64Array[], columns: number): Float64Array {
  return new Float64Array(columns).map((_, column) => rows.reduce((sum, row) => sum + row[column]!, 0) / rows.length);
}
