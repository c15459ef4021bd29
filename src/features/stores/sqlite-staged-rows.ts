import { rmSync } from 'node:fs';
import { EntityKeyError, type NumberedRow, type Refusal, type StagedRows } from '../feature-store.js';
import type { FeatureView } from '../view.js';
import { SqliteDatabase, type SqliteStatement } from '../../shared/sqlite-database.js';
import type { TableFacts } from './sqlite-table.js';
import { columnNames } from './sqlite-values.js';
import { ensureTable, toSqlRow, upsertSql } from './sqlite-writes.js';

export interface StagingTarget extends TableFacts {
  /** Runs work on a connection to the feature database that may write. */
  readonly writing: <T>(work: (database: SqliteDatabase) => T) => T;
}

/** Rows of one import in a file of their own beside the database, moved over in one transaction. Nothing is locked before that. */
export class SqliteStagedRows implements StagedRows {
  readonly #file: string;
  readonly #view: FeatureView;
  readonly #target: StagingTarget;
  readonly #staging: SqliteDatabase;
  readonly #insert: SqliteStatement;
  readonly #lineOfKey: SqliteStatement;

  constructor(file: string, view: FeatureView, target: StagingTarget) {
    this.#file = file;
    this.#view = view;
    this.#target = target;
    this.#staging = new SqliteDatabase({ file, create: true, busyTimeoutMs: 0 });
    // The file is thrown away whatever happens: it needs no journal and no syncing.
    this.#staging.run('PRAGMA journal_mode = OFF');
    this.#staging.run('PRAGMA synchronous = OFF');
    const columns = stagedColumns(view);
    this.#staging.run(`CREATE TABLE staged (line, ${columns.join(', ')}, PRIMARY KEY (${columns[0]}))`);
    const parameters = columns.map(() => '?').join(', ');
    this.#insert = this.#staging.prepare(`INSERT INTO staged VALUES (?, ${parameters}) ON CONFLICT DO NOTHING`);
    this.#lineOfKey = this.#staging.prepare(`SELECT line FROM staged WHERE ${columns[0]} = ?`);
  }

  stage(rows: readonly NumberedRow[]): Promise<readonly Refusal[]> {
    return new Promise((resolve) =>
      resolve(this.#staging.transaction(() => rows.flatMap((numbered) => this.#stageOne(numbered) ?? []))),
    );
  }

  #stageOne(numbered: NumberedRow): Refusal | undefined {
    const { line } = numbered;
    try {
      const values = toSqlRow(this.#view, this.#target, numbered);
      if (this.#insert.run([BigInt(line), ...values]) === 1) return undefined;
      const first = this.#lineOfKey.get([values[0] ?? null]);
      return { line, reason: 'duplicate', firstLine: Number(first?.[0]) };
    } catch (error) {
      if (error instanceof EntityKeyError) return { line, reason: 'key', expected: error.expected };
      throw error;
    }
  }

  async commit(): Promise<number> {
    try {
      return this.#target.writing((database) => this.#moveOver(database));
    } finally {
      await this.discard();
    }
  }

  #moveOver(database: SqliteDatabase): number {
    database.prepare('ATTACH DATABASE ? AS staging').run([this.#file]);
    const columns = stagedColumns(this.#view).join(', ');
    // `WHERE true`: without it the parser takes ON CONFLICT for a join's ON (https://sqlite.org/lang_upsert.html, section 2.2).
    const source = `SELECT ${columns} FROM staging.staged WHERE true ORDER BY rowid`;
    const count = database.transaction(() => {
      ensureTable(database, this.#view);
      return database.prepare(upsertSql(this.#view, source)).run([]);
    });
    // An import can be as large as the database: do not leave a log of that size. Readers at work only postpone this.
    database.prepare('PRAGMA main.wal_checkpoint(TRUNCATE)').get([]);
    return count;
  }

  discard(): Promise<void> {
    this.#staging.close();
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(this.#file + suffix, { force: true });
    return Promise.resolve();
  }
}

/** Names of our own: the view's might be those of the line, or too odd. No types: values go in as they will lie in the table. */
function stagedColumns(view: FeatureView): string[] {
  return columnNames(view).map((_, index) => `c${index}`);
}
