import {
  parseFeatureViews,
  silentFeaturesObserver,
  type FeatureStore,
  type FeaturesObserver,
  type FeatureView,
  type Lookup,
  type StagedRows,
  type StoredRow,
} from '../../src/features/index.js';
import type { Deadline } from '../../src/shared/deadline.js';
import type { Timers } from '../../src/shared/timers.js';

/** The one view of a definition in YAML. */
export function viewOf(yaml: string): FeatureView {
  const [view] = parseFeatureViews(yaml).values();
  if (view === undefined) throw new Error('The definition holds no view');
  return view;
}

/** A view with a timestamp and a feature of every type. */
export const applicants = viewOf(`
applicants:
  entity: applicant_id
  table: applicants
  key: applicant_id
  timestamp: updated_at
  max_age_seconds: 3600
  features: {score: number, visits: integer, employed: boolean, region: string}
`);

/** A view of one integer without a timestamp. */
export const shops = viewOf('shops: {entity: shop_id, table: shops, key: shop_id, features: {size: integer}}');

/** An observer that keeps every fact: `facts.storeRead` is a list of what it was told. */
export function recordingObserver() {
  const facts: Record<keyof FeaturesObserver, unknown[]> = {
    ...{ cacheRead: [], cacheTrouble: [], cacheEvicted: [], cacheCleared: [] },
    ...{ storeRead: [], storeFailed: [], storeShed: [], singleFlightShared: [], staleRead: [] },
  };
  const names = Object.keys(silentFeaturesObserver) as (keyof FeaturesObserver)[];
  const observer = Object.fromEntries(
    names.map((name) => [name, (fact?: unknown) => void facts[name].push(fact ?? {})]),
  ) as unknown as FeaturesObserver;
  return { facts, observer };
}

/** Fires when told to. */
export class ManualTimer implements Pick<Timers, 'every'> {
  #work: (() => void) | undefined;
  milliseconds = 0;

  every(milliseconds: number, work: () => void): () => void {
    this.milliseconds = milliseconds;
    this.#work = work;
    return () => (this.#work = undefined);
  }

  get running(): boolean {
    return this.#work !== undefined;
  }

  /** Fires once and lets what it started settle. */
  async fire(): Promise<void> {
    this.#work?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

type Reply = (lookups: readonly Lookup[], deadline: Deadline) => Promise<(StoredRow | null)[]>;

/** A store whose answers are given by the test; it remembers what it was asked. */
export class FakeStore implements FeatureStore {
  readonly reads: (readonly Lookup[])[] = [];
  reply: Reply;
  version = '1';
  closed = false;

  constructor(reply: Reply) {
    this.reply = reply;
  }

  read(lookups: readonly Lookup[], deadline: Deadline): Promise<(StoredRow | null)[]> {
    this.reads.push(lookups);
    return this.reply(lookups, deadline);
  }

  dataVersion(): Promise<string> {
    return this.version === 'down' ? Promise.reject(new Error('down')) : Promise.resolve(this.version);
  }

  verify(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  upsert(): Promise<number> {
    return Promise.reject(new Error('This store is only read'));
  }

  stage(): Promise<StagedRows> {
    return Promise.reject(new Error('This store is only read'));
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
