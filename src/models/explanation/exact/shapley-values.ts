/** Exact Shapley values over the columns that a model's trees or coefficients see. Synchronous and not reentrant. */
export interface ExactShapley {
  readonly targets: number;
  /** Raw score of each target for one row. */
  scores(row: Float64Array): Float64Array;
  /** The raw score of a target that is expected when nothing is known of the row. */
  baseOf(target: number): number;
  /** One value a column: together with the base they add up to the score. */
  valuesOf(row: Float64Array, target: number): Float64Array;
}
