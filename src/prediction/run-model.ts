import type { RowPrediction } from '../models/index.js';
import type { Deadline } from '../shared/deadline.js';
import { ServiceError, toServiceError } from '../shared/errors.js';
import { finishedRow } from './assembled-row.js';
import type { PredictionRun, RowRun } from './prediction-run.js';

/**
 * Predicts every open row in one call: at once where the model computes in the call, else by a promise.
 * @throws ServiceError when no row can be predicted for want of time or room: as a promise that rejects
 */
export function runModel(run: PredictionRun, deadline: Deadline): Promise<void> | undefined {
  const open = run.open;
  if (open.length === 0 || run.version === undefined) return undefined;
  const results = run.version.predict(
    open.map((row) => finishedRow(assembledOf(row))),
    deadline,
  );
  if (results instanceof Promise) return settleLater(run, open, results);
  settleAll(open, results);
  return undefined;
}

async function settleLater(run: PredictionRun, open: readonly RowRun[], results: Promise<RowResults>): Promise<void> {
  try {
    settleAll(open, await results);
  } catch (thrown) {
    const error = toServiceError(thrown);
    if (error.code !== 'INTERNAL_ERROR') throw error;
    failOpenRows(run, error);
  }
}

/** Rows that nothing has failed yet end with this error. */
export function failOpenRows(run: PredictionRun, error: ServiceError): void {
  for (const row of run.open) row.error = error;
}

/**
 * The error that fails the request as a whole: a single prediction's own; for a batch, time that ran out before any row
 * was answered.
 */
export function wholeFailure(run: PredictionRun): ServiceError | undefined {
  const first = run.rows[0]?.error;
  if (first === undefined || !run.isBatch) return first;
  return run.rows.every((row) => row.error?.code === 'INFERENCE_TIMEOUT') ? first : undefined;
}

function assembledOf(row: RowRun) {
  if (row.assembled === undefined) throw new Error('A row reached the model before its features');
  return row.assembled;
}

type RowResults = readonly (RowPrediction | ServiceError)[];

function settleAll(rows: readonly RowRun[], results: RowResults): void {
  for (let at = 0; at < rows.length; at++) settle(rows[at] as RowRun, results[at]);
}

function settle(row: RowRun, result: RowResults[number] | undefined): void {
  if (result === undefined) throw new Error('The model answered fewer rows than asked');
  if (result instanceof ServiceError) row.error = result;
  else row.result = result;
}
