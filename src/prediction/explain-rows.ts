import { isMissing } from '../models/index.js';
import type { Deadline } from '../shared/deadline.js';
import { finishedRow } from './assembled-row.js';
import type { PredictionRun } from './prediction-run.js';

/** Explains every predicted row where that was asked for, one after the other. What is not explained gets a warning; nothing fails for it. */
export async function explainRows(run: PredictionRun, deadline: Deadline): Promise<void> {
  const { version } = run;
  if (version === undefined) return;
  for (const row of run.open) {
    if (row.result === undefined || row.assembled === undefined) continue;
    const answer = await version.explain(finishedRow(row.assembled), deadline);
    if (isMissing(answer)) row.assembled.warnings.push(answer);
    else row.explanation = answer;
  }
}
