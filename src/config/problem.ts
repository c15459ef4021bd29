/** One thing wrong with the configuration. */
export interface ConfigProblem {
  readonly key: string;
  /** `config/development.yaml:7`, `variable REDIS_PORT`, `flag --port`, `default`. */
  readonly source: string;
  readonly expected: string;
  /** As it may be shown: secrets are masked. */
  readonly got: string;
  /** The setting that was probably meant, or the commands that mend it. */
  readonly mend?: string;
}

/** Thrown with every problem at once; the message is the full report. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(reportOf(problems));
    this.problems = problems;
  }
}

export function reportOf(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [`The configuration has ${count}:`, ...problems.map(paragraphOf)].join('\n\n') + '\n';
}

function paragraphOf(problem: ConfigProblem): string {
  const lines = [
    `  ${problem.key}`,
    `    from      ${problem.source}`,
    `    expected  ${problem.expected}`,
    `    got       ${problem.got}`,
  ];
  if (problem.mend !== undefined) lines.push(...indented('mend', problem.mend));
  return lines.join('\n');
}

function indented(label: string, text: string): string[] {
  return text.split('\n').map((line, index) => `    ${(index === 0 ? label : '').padEnd(10)}${line}`);
}
