/**
 * A model file that cannot be served. `problems` says everything that is wrong, in words for the person who trained the
 * model: what, where (node, input, output) and the mend. Never holds paths outside of the model's folder, nor C++ names.
 */
export class ModelLoadError extends Error {
  override readonly name = 'ModelLoadError';
  readonly problems: readonly string[];
  /** The same model may be served later: its server was out of reach. */
  readonly passing: boolean;

  constructor(problems: readonly string[], options: ErrorOptions & { readonly passing?: boolean } = {}) {
    super(problems.join('; '), options);
    this.problems = problems;
    this.passing = options.passing ?? false;
  }
}
