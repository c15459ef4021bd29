import type { BatchReply, BatchResult } from '../prediction/index.js';
import type { InputRow } from './rows.js';

export interface PredictionPlan {
  readonly modelId: string;
  readonly modelVersion: string | undefined;
  readonly batchSize: number;
  readonly enableCache: boolean;
}

export interface RowSinks {
  /** Takes the JSON text of POST /v1/predict/batch. */
  predictBatch(body: string): Promise<BatchReply>;
  write(line: string): Promise<void>;
  onBatch(): void;
}

/** Predicts rows batch by batch, in order, one JSON line a row. One batch is held at a time. @returns how many rows failed. */
export async function predictRows(
  rows: AsyncIterable<InputRow>,
  plan: PredictionPlan,
  sinks: RowSinks,
): Promise<number> {
  let failed = 0;
  let index = 0;
  let batch: InputRow[] = [];
  const flush = async (): Promise<void> => {
    const results = await predictOne(batch, plan, sinks);
    for (const result of results) {
      if ('error' in result) failed++;
      await sinks.write(`${JSON.stringify({ ...result, index: index++ })}\n`);
    }
    batch = [];
    sinks.onBatch();
  };
  for await (const row of rows) {
    batch.push(row);
    if (batch.length === plan.batchSize) await flush();
  }
  if (batch.length > 0) await flush();
  return failed;
}

/** The results of a batch in the order of its rows; rows that could not be read never reach the service. */
async function predictOne(batch: readonly InputRow[], plan: PredictionPlan, sinks: RowSinks): Promise<BatchResult[]> {
  const instances = batch.flatMap((row) => ('instance' in row ? [row.instance] : []));
  const replied = instances.length === 0 ? [] : (await sinks.predictBatch(bodyOf(instances, plan))).results;
  let next = 0;
  return batch.map((row, index) =>
    'instance' in row ? (replied[next++] as BatchResult) : unreadable(index, row.problem),
  );
}

function bodyOf(instances: readonly string[], { modelId, modelVersion, enableCache }: PredictionPlan): string {
  const version = modelVersion === undefined ? '' : `"model_version":${JSON.stringify(modelVersion)},`;
  const options = `"options":{"enable_cache":${String(enableCache)}}`;
  return `{"model_id":${JSON.stringify(modelId)},${version}${options},"instances":[${instances.join(',')}]}`;
}

function unreadable(index: number, message: string): BatchResult {
  return { index, error: { error_code: 'INVALID_REQUEST', message, details: {} } };
}
