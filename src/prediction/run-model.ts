import type { Deadline } from '../shared/deadline.js';
import { ServiceError, toServiceError } from '../shared/errors.js';
import { finishedRow } from './assembled-row.js';
import type { PredictionRun, RowRun } from './prediction-run.js';

/** Predicts every open row in one call. @throws ServiceError when no row can be predicted for want of time or room. */
export async function runModel(run: PredictionRun, deadline: Deadline): Promise<void> {
  const open = run.open;
  if (open.length === 0 || run.version === undefined) return;
  const rows = open.map((row) => finishedRow(assembledOf(row)));
  try {
    const results = await run.version.predict(rows, deadline);
    open.forEach((row, i) => settle(row, results[i]));
  } catch (thrown) {
    const error = toServiceError(thrown);
    if (error.code !== 'INTERNAL_ERROR') throw error;
    failOpenRows(run, error);
  }
  deadline.check('model');
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

function settle(row: RowRun, result: Exclude<RowRun['result'], undefined> | ServiceError | undefined): void {
  if (result === undefined) throw new Error('The model answered fewer rows than asked');
  if (result instanceof ServiceError) row.error = result;
  else row.result = result;
}
