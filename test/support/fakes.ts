import type { Principal } from '../../src/access/index.js';
import type { EventPublisher, PredictionRecord } from '../../src/events/index.js';
import type { FeatureService, FeatureView, ViewRead } from '../../src/features/index.js';
import type {
  FeatureCheck,
  FeatureRow,
  FeatureSpec,
  ModelCatalogue,
  RowPrediction,
  ServingVersion,
  TensorEntry,
} from '../../src/models/index.js';
import type { FinishedRequest, PredictionObserver } from '../../src/prediction/index.js';
import type { Deadline } from '../../src/shared/deadline.js';
import { ServiceError } from '../../src/shared/errors.js';
import type { EntityKey } from '../../src/shared/feature-value.js';
import { jsonTypeOf } from '../../src/shared/json.js';

/** A feature spec with everything that a test does not care about filled in. */
export function feature(name: string, rest: Partial<FeatureSpec> = {}): FeatureSpec {
  return { name, type: 'number', nullable: false, pii: false, ...rest };
}

/** A check that knows type, null and range: enough to see that the pipeline asks it. */
export function simpleCheck(spec: FeatureSpec): FeatureCheck {
  const wanted = spec.type === 'integer' ? 'number' : spec.type;
  return (value, path) => {
    if (value === null) return spec.nullable ? undefined : [{ path, problem: 'not_nullable' }];
    if (typeof value !== wanted) {
      return [{ path, problem: 'wrong_type', expected: spec.type, received_type: jsonTypeOf(value) }];
    }
    if (spec.max !== undefined && (value as number) > spec.max) return [{ path, problem: 'out_of_range' }];
    return undefined;
  };
}

export type Predict = (rows: readonly FeatureRow[], deadline: Deadline) => Promise<(RowPrediction | ServiceError)[]>;

/** Half plus two: its answer can be computed in the head. */
export const halfPlusTwo: Predict = (rows) =>
  Promise.resolve(rows.map((row) => ({ prediction: { value: Number(row[0]) / 2 + 2 }, confidence: null })));

/** y = x / 2 + 2 at the level of tensors, [N, 1] float32. */
export const halfPlusTwoTensors: TensorEntry = {
  signature: {
    inputs: [{ name: 'x', type: 'float32', dims: [null, 1] }],
    outputs: [{ name: 'y', type: 'float32', dims: [null, 1] }],
    kind: 'regressor',
  },
  maxRows: undefined,
  runtime: 'onnx',
  infer: ({ x }, rows) => {
    const data = Float32Array.from(x?.data as Float32Array, (value) => value / 2 + 2);
    return Promise.resolve({ y: { type: 'float32', dims: [rows, 1], data } });
  },
};

export function fakeVersion(features: readonly FeatureSpec[], predict: Predict = halfPlusTwo): ServingVersion {
  const checks = features.map(simpleCheck);
  return {
    modelId: 'half_plus_two',
    version: '1.0.0',
    features,
    featureIndex: new Map(features.map((spec, index) => [spec.name, index])),
    checks,
    fits: (row) => checks.every((check, at) => check(row[at], '') === undefined),
    predict,
    explain: () =>
      Promise.resolve({ code: 'explanation_unavailable', message: 'This version cannot be explained: it is a fake' }),
    tensors: halfPlusTwoTensors,
  };
}

/** A catalogue of one model that counts its leases. */
export class FakeCatalogue implements ModelCatalogue {
  readonly version: ServingVersion;
  leased = 0;
  released = 0;

  constructor(version: ServingVersion) {
    this.version = version;
  }

  lease(modelId: string, reference?: string) {
    if (modelId !== this.version.modelId || (reference !== undefined && reference !== this.version.version)) {
      throw new ServiceError('MODEL_NOT_FOUND', `Model '${modelId}' not found`, { details: { model_id: modelId } });
    }
    this.leased++;
    return { version: this.version, release: () => void this.released++ };
  }

  list() {
    return [];
  }

  describe() {
    return undefined;
  }

  readiness() {
    return { settled: true, ready: 1, failed: 0, loading: 0 };
  }
}

export function fakeView(rest: Partial<FeatureView> = {}): FeatureView {
  return {
    name: 'applicant_profile',
    entity: 'applicant_id',
    table: 'applicant_profile',
    key: 'applicant_id',
    onMissing: 'fail',
    onStale: 'fail',
    onUnavailable: 'fail',
    pii: false,
    features: [
      { name: 'credit_score', type: 'integer' },
      { name: 'mortgage_history', type: 'integer' },
    ],
    fingerprint: 'abc',
    ...rest,
  };
}

/** Answers each lookup by a function of view and key; remembers what was asked. */
export class FakeFeatures implements FeatureService {
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly asked: { view: string; key: EntityKey; useCache: boolean }[][] = [];
  readonly #answer: (view: FeatureView, key: EntityKey) => ViewRead;

  constructor(views: readonly FeatureView[] = [], answer?: (view: FeatureView, key: EntityKey) => ViewRead) {
    this.views = new Map(views.map((view) => [view.name, view]));
    this.#answer = answer ?? (() => ({ state: 'absent', origin: 'store' }));
  }

  read(lookups: readonly { view: FeatureView; key: EntityKey }[], { useCache }: { useCache: boolean }) {
    this.asked.push(lookups.map(({ view, key }) => ({ view: view.name, key, useCache })));
    return lookups.map(({ view, key }) => this.#answer(view, key));
  }

  health() {
    return { cache: 'healthy', store: 'healthy' } as const;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class RecordingEvents implements EventPublisher {
  readonly records: PredictionRecord[] = [];

  record(record: PredictionRecord): void {
    this.records.push(record);
  }

  accounts() {
    return { offered: this.records.length, delivered: this.records.length, journaled: 0, dropped: 0, inMemory: 0 };
  }

  health() {
    return 'healthy' as const;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class RecordingPredictions implements PredictionObserver {
  readonly finished: FinishedRequest[] = [];

  requestFinished(request: FinishedRequest): void {
    this.finished.push(request);
  }
}

export const anyone: Principal = { id: 'test', clientId: 'test', scopes: ['predict:*'] };
