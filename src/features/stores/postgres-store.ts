import type { Clock } from '../../shared/clock.js';
import { timeoutError, type Deadline } from '../../shared/deadline.js';
import type { EntityKey } from '../../shared/feature-value.js';
import { PostgresError } from '../../shared/postgres/errors.js';
import type { PostgresPool } from '../../shared/postgres/pool.js';
import type { PostgresSession } from '../../shared/postgres/session.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import { EntityKeyError, type FeatureStore, type StagedRows } from '../feature-store.js';
import type { FeatureView, Lookup, StoredRow } from '../view.js';
import { groupByView, readableView, readStatement, rowsInOrder, type ReadableView } from './postgres-read.js';
import { dataVersionSql } from './postgres-schema.js';
import { PostgresStagedRows } from './postgres-staged-rows.js';
import { readTableFacts, tableAbsent, tableProblems } from './postgres-table.js';

export interface PostgresFeatureStoreOptions {
  /** For reads of rows. Closed by whoever made it. */
  readonly pool: PostgresPool;
  /** For questions about tables and changes, which must not wait behind reads. Closed by whoever made it. */
  readonly control: PostgresPool;
  /** A connection for one import. */
  readonly openSession: () => Promise<PostgresSession>;
  /** Where the program's own tables are. */
  readonly schema: string;
  readonly clock: Clock;
}

/** How long the columns of a table are taken to be what they were: a changed type is noticed after this. */
const factsLimitMs = 60_000;

/**
 * Stored features in PostgreSQL. A read is one prepared statement, cancelled on the server when its deadline ends. While the server
 * does not answer `dataVersion`, which is asked all the time, reads are refused at once; so they are served again as soon as it does.
 */
export class PostgresFeatureStore implements FeatureStore {
  readonly #options: PostgresFeatureStoreOptions;
  readonly #dataVersion: string;
  readonly #readable = new Map<string, ReadableView>();
  readonly #preparing = new Map<string, Promise<ReadableView>>();
  #preparedAt = 0;
  /** Why the server is out of reach. */
  #outage: PostgresError | undefined;

  constructor(options: PostgresFeatureStoreOptions) {
    this.#options = options;
    this.#dataVersion = dataVersionSql(quoteIdentifier(options.schema));
  }

  async read(lookups: readonly Lookup[], deadline: Deadline): Promise<(StoredRow | null)[]> {
    deadline.check('features');
    if (lookups.length === 0) return [];
    if (this.#outage !== undefined) throw this.#outage;
    const views = [...new Map(lookups.map(({ view }) => [view.fingerprint, view])).values()];
    const known = views.flatMap(({ fingerprint }) => this.#readable.get(fingerprint) ?? []);
    if (known.length === views.length) return this.#readRows(lookups, known, deadline.signal);
    const prepared = await deadline.race(Promise.all(views.map((view) => this.#prepare(view))), 'features');
    return this.#readRows(lookups, prepared, deadline.signal);
  }

  async verify(view: FeatureView): Promise<readonly string[]> {
    const { control } = this.#options;
    return tableProblems(view, await readTableFacts((statement) => control.query(statement), view));
  }

  /** Of several rows with one key the last counts. */
  async upsert(view: FeatureView, rows: readonly { key: EntityKey; row: StoredRow }[]): Promise<number> {
    const staged = await this.#stage(view);
    const last = new Map(rows.map(({ key, row }) => [String(key), { key, row }]));
    try {
      const [refusal] = await staged.stage([...last.values()].map((row, index) => ({ ...row, line: index + 1 })));
      if (refusal?.reason === 'key') throw new EntityKeyError(view.entity, refusal.expected);
      if (refusal !== undefined) throw new Error(`Two keys of view ${view.name} are the same to its key column`);
    } catch (error) {
      await staged.discard();
      throw error;
    }
    await staged.commit();
    return rows.length;
  }

  stage(view: FeatureView): Promise<StagedRows> {
    return this.#stage(view);
  }

  /** Grows with every import; changes made by other programs show when they count them there, else by the cache's time to live. */
  async dataVersion(): Promise<string> {
    const { control, pool, clock } = this.#options;
    try {
      const [row] = await control.query({ name: 'data_version', text: this.#dataVersion });
      // Connections from before the outage may be dead without knowing it.
      if (this.#outage !== undefined) pool.renew();
      this.#outage = undefined;
      if (clock.monotonic() - this.#preparedAt > factsLimitMs) this.#readable.clear();
      return String(row?.[0]);
    } catch (error) {
      if (error instanceof PostgresError && error.kind !== 'statement') this.#outage = error;
      throw error;
    }
  }

  /** Nothing of its own is open. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #stage(view: FeatureView): Promise<PostgresStagedRows> {
    const { openSession, schema } = this.#options;
    return PostgresStagedRows.open({ session: await openSession(), view, schema: quoteIdentifier(schema) });
  }

  async #readRows(
    lookups: readonly Lookup[],
    readables: readonly ReadableView[],
    signal: AbortSignal,
  ): Promise<(StoredRow | null)[]> {
    const groups = groupByView(lookups, readables);
    try {
      const rows = await this.#options.pool.query(readStatement(groups), signal);
      return rowsInOrder(lookups.length, groups, rows);
    } catch (error) {
      if (signal.aborted) throw timeoutError('features');
      // The table may have changed since its columns were read.
      if (error instanceof PostgresError && error.kind === 'statement') this.#readable.clear();
      throw error;
    }
  }

  /** What is known of a view's columns, asked once however many reads wait for it. */
  #prepare(view: FeatureView): Promise<ReadableView> {
    const asked = this.#preparing.get(view.fingerprint) ?? this.#askColumns(view);
    this.#preparing.set(view.fingerprint, asked);
    return asked;
  }

  async #askColumns(view: FeatureView): Promise<ReadableView> {
    const { control, clock } = this.#options;
    try {
      const facts = await readTableFacts((statement) => control.query(statement), view);
      if (facts === undefined) throw new Error(tableAbsent(view));
      const readable = readableView(view, facts);
      this.#readable.set(view.fingerprint, readable);
      this.#preparedAt = clock.monotonic();
      return readable;
    } finally {
      this.#preparing.delete(view.fingerprint);
    }
  }
}
