import type { Clock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import { messageOf, ServiceError } from '../../shared/errors.js';
import { exampleRow } from '../describe/example-row.js';
import { manifestFile } from '../manifest/manifest-reader.js';
import { VersionRefused } from '../version-problem.js';
import { goldenRow, scoreGoldenRows, type GoldenScore } from './golden-rows.js';
import type { LoadedVersion } from './loaded-version.js';

/** Time that one warming prediction may take. */
const warmingBudgetMs = 30_000;

export interface WarmUp {
  readonly golden: readonly GoldenScore[];
  /** Why a made-up or shown row was refused, if it was. */
  readonly warnings: readonly string[];
}

/** Runs a version on an example, then scores its golden rows. Never throws for what the model answers. */
export async function warmUp(loaded: LoadedVersion, clock: Clock): Promise<WarmUp> {
  const deadline = () => new Deadline(clock, warmingBudgetMs);
  const refused = await tryExample(loaded, deadline());
  const golden = await scoreGoldenRows(loaded.serving, loaded.examples, deadline);
  return { golden, warnings: refused === undefined || golden.length > 0 ? [] : [refused] };
}

/** @throws VersionRefused when a golden row failed. */
export function refuseFailedRows(golden: readonly GoldenScore[]): void {
  const failed = golden.filter(({ ok }) => !ok);
  if (failed.length === 0) return;
  throw new VersionRefused(
    failed.map(({ index, message }) => ({
      file: manifestFile,
      key: `examples[${index}]`,
      message: message ?? 'failed',
      severity: 'error',
    })),
  );
}

async function tryExample({ serving, examples }: LoadedVersion, deadline: Deadline): Promise<string | undefined> {
  const [first] = examples;
  const shown = first === undefined ? undefined : goldenRow(serving, first);
  if (shown !== undefined && 'problems' in shown) return `examples[0] does not fit: ${shown.problems.join('; ')}`;
  try {
    const [result] = await serving.predict([shown?.row ?? exampleRow(serving.features)], deadline);
    if (result instanceof ServiceError) throw result;
    return undefined;
  } catch (error) {
    return `a ${shown === undefined ? 'made-up row' : 'row of examples'} gave no prediction: ${messageOf(error)}`;
  }
}
