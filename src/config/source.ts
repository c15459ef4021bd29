import type { ConfigProblem } from './problem.js';

/** One value and where it came from. */
export interface SourceEntry {
  readonly key: string;
  readonly value: unknown;
  readonly source: string;
}

/** What one layer of the configuration says. */
export interface Source {
  readonly entries: readonly SourceEntry[];
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
}
