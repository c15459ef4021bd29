import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import type { EntityKey } from '../../shared/feature-value.js';
import type { Deadline } from '../../shared/deadline.js';
import type { FeatureStore, StagedRows } from '../feature-store.js';
import type { FeatureView, Lookup, StoredRow } from '../view.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import { SqliteDatabase, type SqliteStatement, type SqlValue } from '../../shared/sqlite-database.js';
import { SqliteStagedRows } from './sqlite-staged-rows.js';
import { readTableFacts, tableAbsent, verifyTable, type TableFacts } from './sqlite-table.js';
import { fromSqlRow, quotedTable, toKeyValue } from './sqlite-values.js';
import { writableTable, writeRows } from './sqlite-writes.js';

export interface SqliteFeatureStoreOptions {
  readonly file: string;
  /** How long a read waits for another process's lock; the event loop stands still meanwhile. Default 50. */
  readonly readBusyTimeoutMs?: number;
  /** The same for imports, which run in a process of their own. Default 10,000. */
  readonly writeBusyTimeoutMs?: number;
}

interface PreparedView {
  readonly select: SqliteStatement;
  readonly facts: TableFacts;
}

/**
 * Stored features in an embedded SQLite file. A read takes microseconds and runs on the calling thread. The file is opened at
 * the first read and opened again after any failure or when it was replaced, so a file that arrives or is mended later is found
 * without a restart. Nothing is written but by `upsert` and `stage`.
 */
export class SqliteFeatureStore implements FeatureStore {
  readonly #file: string;
  readonly #readBusyTimeoutMs: number;
  readonly #writeBusyTimeoutMs: number;
  #reader: SqliteDatabase | undefined;
  #askVersion: SqliteStatement | undefined;
  #opened = 0;
  readonly #prepared = new Map<string, PreparedView>();

  constructor({ file, readBusyTimeoutMs = 50, writeBusyTimeoutMs = 10_000 }: SqliteFeatureStoreOptions) {
    this.#file = file;
    this.#readBusyTimeoutMs = readBusyTimeoutMs;
    this.#writeBusyTimeoutMs = writeBusyTimeoutMs;
  }

  read(lookups: readonly Lookup[], deadline: Deadline): Promise<(StoredRow | null)[]> {
    return settle(() => {
      deadline.check('features');
      return this.readNow(lookups);
    });
  }

  readNow(lookups: readonly Lookup[]): (StoredRow | null)[] {
    return this.#reading((database) => this.#readAll(database, lookups));
  }

  #readAll(database: SqliteDatabase, lookups: readonly Lookup[]): (StoredRow | null)[] {
    const keyed = lookups.map(({ view, key }) => {
      const prepared = this.#prepare(database, view);
      return { view, prepared, key: toKeyValue(view.entity, key, prepared.facts.key) };
    });
    return keyed.map(({ view, prepared, key }) => readOne(view, prepared, key));
  }

  #prepare(database: SqliteDatabase, view: FeatureView): PreparedView {
    const known = this.#prepared.get(view.fingerprint);
    if (known !== undefined) return known;
    const facts = readTableFacts(database, view);
    if (facts === undefined) throw new Error(tableAbsent(view));
    const names = view.features.map(({ name }) => name);
    const columns = view.timestamp === undefined ? names : [...names, view.timestamp];
    // A qualified name: SQLite takes an unknown "name" for a text, and would answer with it.
    const selected = columns.map((name) => `t.${quoteIdentifier(name)}`).join(', ');
    const where = `t.${quoteIdentifier(view.key)} = ?`;
    const select = database.prepare(`SELECT ${selected} FROM ${quotedTable(view)} AS t WHERE ${where}`);
    const prepared = { select, facts };
    this.#prepared.set(view.fingerprint, prepared);
    return prepared;
  }

  verify(view: FeatureView): Promise<readonly string[]> {
    return settle(() => (existsSync(this.#file) ? this.#reading((it) => verifyTable(it, view)) : [tableAbsent(view)]));
  }

  upsert(view: FeatureView, rows: readonly { key: EntityKey; row: StoredRow }[]): Promise<number> {
    return settle(() => this.#writing((database) => writeRows(database, view, rows)));
  }

  stage(view: FeatureView): Promise<StagedRows> {
    return settle(() => {
      const facts = existsSync(this.#file) ? this.#reading((database) => writableTable(database, view)) : undefined;
      return new SqliteStagedRows(`${this.#file}.import-${randomUUID()}`, view, {
        key: facts?.key ?? 'text',
        timestamp: facts?.timestamp ?? 'text',
        writing: (work) => this.#writing(work),
      });
    });
  }

  /** SQLite's data_version changes with the commit of any other connection, and our own writes have connections of their own. */
  dataVersion(): string {
    const inode = statSync(this.#file, { throwIfNoEntry: false })?.ino;
    if (this.#reader !== undefined && inode !== this.#reader.inode) this.#forget();
    const version = this.#reading((database) => (this.#askVersion ??= database.prepare('PRAGMA data_version')).get([]));
    return `${this.#opened}:${String(version?.[0])}`;
  }

  close(): Promise<void> {
    this.#forget();
    return Promise.resolve();
  }

  #writing<T>(work: (database: SqliteDatabase) => T): T {
    const options = { file: this.#file, create: true, busyTimeoutMs: this.#writeBusyTimeoutMs };
    const database = new SqliteDatabase(options);
    try {
      return work(database);
    } finally {
      database.close();
    }
  }

  #reading<T>(work: (database: SqliteDatabase) => T): T {
    try {
      return work((this.#reader ??= this.#openForReading()));
    } catch (error) {
      if (isEngineFailure(error)) this.#forget();
      throw error;
    }
  }

  #openForReading(): SqliteDatabase {
    const options = { file: this.#file, create: false, busyTimeoutMs: this.#readBusyTimeoutMs };
    const database = new SqliteDatabase(options);
    this.#opened++;
    return database;
  }

  #forget(): void {
    this.#prepared.clear();
    this.#askVersion = undefined;
    this.#reader?.close();
    this.#reader = undefined;
  }
}

function readOne(view: FeatureView, { select }: PreparedView, key: SqlValue): StoredRow | null {
  const columns = select.get([key]);
  return columns === undefined ? null : fromSqlRow(view, columns);
}

/** The database itself is in trouble, rather than one view's table or the key of one caller. */
function isEngineFailure(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code !== 'SQLITE_ERROR';
}

/** What throws becomes a rejection. */
function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
