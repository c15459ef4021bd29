import { EntityKeyError, type FeatureService, type ViewRead } from '../features/index.js';
import type { Deadline } from '../shared/deadline.js';
import { toServiceError } from '../shared/errors.js';
import { entityKeyProblem, fillRow } from './assemble-features.js';
import type { AssembledRow } from './assembled-row.js';
import type { FeaturePlan, ViewSource } from './feature-plan.js';
import type { PredictionRun, RowRun } from './prediction-run.js';
import type { Instance } from './types.js';

interface Reading {
  readonly features: FeatureService;
  readonly deadline: Deadline;
}

/**
 * Reads what the open rows still need, in one round trip for all of them, and fills it in. A row that cannot be filled fails alone.
 * undefined: nothing is needed.
 */
export function readStoredFeatures(plan: FeaturePlan, run: PredictionRun, reading: Reading): Promise<void> | undefined {
  const needy = run.open.filter((row) => row.assembled !== undefined && row.assembled.lookups.length > 0);
  return needy.length === 0 ? undefined : readNeedy(plan, run, needy, reading);
}

async function readNeedy(
  plan: FeaturePlan,
  run: PredictionRun,
  needy: readonly RowRun[],
  reading: Reading,
): Promise<void> {
  try {
    await readRows(plan, run, needy, reading);
  } catch (error) {
    if (!(error instanceof EntityKeyError)) throw error;
    // One key in the batch cannot be converted: find whose it is.
    for (const row of needy)
      await readRows(plan, run, [row], reading).catch((own: unknown) => (row.error = failureOf(plan, own)));
  }
}

async function readRows(
  plan: FeaturePlan,
  run: PredictionRun,
  rows: readonly RowRun[],
  reading: Reading,
): Promise<void> {
  const lookups = rows.flatMap((row) => lookupsOf(row).map((source) => lookupOf(source, row.instance)));
  const useCache = run.options?.enableCache ?? true;
  const reads = await reading.features.read(lookups, { useCache, deadline: reading.deadline });
  let next = 0;
  for (const row of rows) {
    const count = lookupsOf(row).length;
    fill(plan, row, reads.slice(next, next + count));
    next += count;
  }
}

function fill(plan: FeaturePlan, row: RowRun, reads: readonly ViewRead[]): void {
  try {
    fillRow(plan, row.assembled as AssembledRow, reads);
  } catch (thrown) {
    row.error = toServiceError(thrown);
  }
}

function lookupsOf(row: RowRun): readonly ViewSource[] {
  return row.assembled?.lookups ?? [];
}

function lookupOf({ view }: ViewSource, instance: Instance) {
  const key = instance.entities[view.entity];
  if (key === undefined) throw new Error(`No key of ${view.entity} for a lookup of it`);
  return { view, key };
}

function failureOf(plan: FeaturePlan, thrown: unknown) {
  return thrown instanceof EntityKeyError ? entityKeyProblem(plan, thrown) : toServiceError(thrown);
}
