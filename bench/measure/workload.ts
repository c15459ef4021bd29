import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const benchFolder = path.resolve(import.meta.dirname, '..');
export const modelsFolder = path.join(benchFolder, 'models');

export type ModelId = 'breast_cancer' | 'fast_fifty_us' | 'about_one_ms' | 'slow_fifty_ms';

interface Row {
  readonly features: Readonly<Record<string, number>>;
  /** What the training library, or float64 arithmetic, answers. */
  readonly probability: Readonly<Record<ModelId, number>>;
}

const rows = readFileSync(path.join(benchFolder, 'rows', 'rows.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);

export const featureNames: readonly string[] = Object.keys(rows[0]?.features ?? {});

/** The rows as a background of explanations. */
export const backgroundCsv = [
  featureNames.join(','),
  ...rows.map(({ features }) => featureNames.map((name) => features[name]).join(',')),
].join('\n');

/** The largest |got - want| / max(1, |want|) of a right answer: 1e-6, and what computing in float32 costs. */
export const TOLERANCE = 1e-5;

/** Bodies to send in turn, and for each the numbers that its answer must hold, in order. */
export interface Workload {
  readonly path: string;
  readonly modelId: ModelId;
  readonly bodies: readonly string[];
  readonly expected: readonly (readonly number[])[];
  readonly rowsPerBody: number;
}

export function singleRows(modelId: ModelId): Workload {
  return {
    path: '/v1/predict',
    modelId,
    bodies: rows.map(({ features }) => JSON.stringify({ model_id: modelId, features })),
    expected: rows.map(({ probability }) => [probability[modelId]]),
    rowsPerBody: 1,
  };
}

/** Each body starts at another row, so that no two are equal. */
export function batches(modelId: ModelId, size: number): Workload {
  const starts = rows.map((_, start) =>
    Array.from({ length: size }, (__, at) => rows[(start + at) % rows.length] as Row),
  );
  return {
    path: '/v1/predict/batch',
    modelId,
    bodies: starts.map((batch) =>
      JSON.stringify({ model_id: modelId, instances: batch.map(({ features }) => ({ features })) }),
    ),
    expected: starts.map((batch) => batch.map(({ probability }) => probability[modelId])),
    rowsPerBody: size,
  };
}

export interface WorkloadFiles {
  readonly bodies: string;
  readonly expected: string;
}

export function writeWorkload(workload: Workload, folder: string): WorkloadFiles {
  const stem = path.join(folder, `${workload.modelId}-${workload.rowsPerBody}`);
  const files = { bodies: `${stem}.jsonl`, expected: `${stem}.expected` };
  writeFileSync(files.bodies, workload.bodies.join('\n') + '\n');
  writeFileSync(files.expected, workload.expected.map((numbers) => numbers.join(' ')).join('\n') + '\n');
  return files;
}
