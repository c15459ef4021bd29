/** One thing wrong with a version's folder or a model's, as `models check`, the log and /v1/models tell it. */
export interface VersionProblem {
  /** File name within the folder. */
  readonly file: string;
  /** Line in that file, from 1. */
  readonly line?: number;
  /** `features[2].min`: where in the file. */
  readonly key?: string;
  readonly message: string;
  /** A version with an error is not served; a warning is only told. */
  readonly severity: 'error' | 'warning';
}

/** `model.yaml:7 features[2].min: must not be above max`. */
export function problemText(problem: VersionProblem): string {
  const line = problem.line === undefined ? '' : `:${problem.line}`;
  const key = problem.key === undefined || problem.key === '' ? '' : ` ${problem.key}`;
  return `${problem.file}${line}${key}: ${problem.message}`;
}

export function hasErrors(problems: readonly VersionProblem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** A version that cannot be served, with everything that is wrong with it. */
export class VersionRefused extends Error {
  override readonly name = 'VersionRefused';
  readonly problems: readonly VersionProblem[];
  /** It may be served later though nothing of it changes: its model server was out of reach. */
  readonly passing: boolean;

  constructor(problems: readonly VersionProblem[], passing = false) {
    super(
      problems
        .filter((problem) => problem.severity === 'error')
        .map(problemText)
        .join('; '),
    );
    this.problems = problems;
    this.passing = passing;
  }
}
