import type { EventFeature, PredictionRecord } from '../events/index.js';
import type { ServingVersion } from '../models/index.js';
import type { ServiceError } from '../shared/errors.js';
import type { FinishedRequest, OriginCounts } from './observer.js';
import { newRow, nothing, type PredictionRun, type RowRun } from './prediction-run.js';
import { isCached, type AssembledRow } from './assembled-row.js';

const unknownRow: RowRun = newRow(nothing);
const noOrigins: OriginCounts = { request: 0, cache: 0, store: 0, default: 0 };

export interface RecordParts {
  readonly eventId: string;
  /** Why the whole request failed. */
  readonly error: ServiceError | undefined;
}

/** The record of one row, or of a request whose rows never became known (index 0, `error` set). */
export function recordOf(run: PredictionRun, index: number, { eventId, error }: RecordParts): PredictionRecord {
  const row = run.rows[index] ?? unknownRow;
  const failure = row.error ?? error;
  const { call, version } = run;
  const result = failure === undefined ? row.result : undefined;
  const { features, featuresText } = featuresOf(run, row);
  // Written out: spreading optional parts costs a tenth of a request.
  return {
    eventId,
    requestId: call.requestId,
    batchIndex: run.isBatch && run.rows.length > 0 ? index : undefined,
    timestamp: run.receivedAt,
    modelId: run.modelId,
    modelVersion: version?.version ?? null,
    status: failure === undefined ? 'success' : 'error',
    errorCode: failure?.code,
    features,
    featuresText,
    entities: entitiesOf(row),
    prediction: result?.prediction,
    confidence: result?.confidence,
    latencyMs: run.latencyMs,
    stageMs: run.stageMs,
    cacheHit: isCached(row.assembled),
    clientId: call.principal.clientId,
    traceparent: call.traceparent,
  };
}

/** What the observer is told of the request. */
export function finishedRequest(run: PredictionRun, error: ServiceError | undefined): FinishedRequest {
  return {
    requestId: run.call.requestId,
    kind: run.isBatch ? 'batch' : 'single',
    modelId: run.version?.modelId ?? null,
    modelVersion: run.version?.version ?? null,
    error,
    cacheHit: run.cacheHit,
    latencyMs: run.latencyMs,
    stageMs: run.stageMs,
    rows: run.rows.map((row) => ({
      errorCode: (row.error ?? error)?.code,
      origins: row.error === undefined && row.assembled !== undefined ? countOrigins(row.assembled) : noOrigins,
      ages: row.assembled?.ages ?? [],
      warnings: row.assembled?.warnings.length ?? 0,
    })),
    clientId: run.call.principal.clientId,
    traceparent: run.call.traceparent,
    receivedAtMs: run.receivedAt,
  };
}

function countOrigins({ allInline, origins }: AssembledRow): OriginCounts {
  const counts = { request: 0, cache: 0, store: 0, default: 0 };
  if (allInline) counts.request = origins.length;
  else for (const origin of origins) counts[origin]++;
  return counts;
}

type RecordedFeatures = Pick<PredictionRecord, 'features' | 'featuresText'>;

/**
 * Features as far as they are known to fit the model: what was refused is not kept, its size and content being the caller's.
 * Where the caller gave them all, they are taken as they were written.
 */
function featuresOf(run: PredictionRun, { assembled, instance }: RowRun): RecordedFeatures {
  if (run.version === undefined || assembled === undefined) return { features: [] };
  const { allInline, plan } = assembled;
  if (!allInline || plan.personal) return { features: eventFeatures(run.version, assembled) };
  return { features: [], featuresText: instance.features.text };
}

function eventFeatures({ features: specs }: ServingVersion, { row, origins, ages }: AssembledRow): EventFeature[] {
  const features: EventFeature[] = [];
  for (let index = 0; index < row.length; index++) {
    const spec = specs[index];
    const value = row[index];
    if (spec === undefined || value === undefined) continue;
    const { name, pii } = spec;
    features.push({ name, value, origin: origins[index] ?? 'request', pii, ageSeconds: ages[index] });
  }
  return features;
}

const noEntities: PredictionRecord['entities'] = [];

function entitiesOf(row: RowRun): PredictionRecord['entities'] {
  if (row.assembled === undefined || row.assembled.plan.sources.length === 0) return noEntities;
  const { sources } = row.assembled.plan;
  return Object.entries(row.instance.entities).flatMap(([name, key]) => {
    const views = sources.filter((source) => source.view.entity === name);
    // An entity that no view of the model uses was refused: what it is, is not known.
    return views.length === 0 ? [] : [{ name, key, pii: views.some((source) => source.view.pii) }];
  });
}
