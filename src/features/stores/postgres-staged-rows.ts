import { CopyRefused, type PostgresSession } from '../../shared/postgres/session.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import { EntityKeyError, type NumberedRow, type Refusal, type StagedRows } from '../feature-store.js';
import type { FeatureView } from '../view.js';
import { countChangeSql } from './postgres-schema.js';
import {
  columnNames,
  createTableSql,
  ownColumns,
  quotedTable,
  readTableFacts,
  tableProblems,
  type Column,
  type TableFacts,
} from './postgres-table.js';
import { timestampToText, toKeyText, toText } from './postgres-values.js';

export interface PostgresStaging {
  readonly session: PostgresSession;
  readonly view: FeatureView;
  /** Schema of the program's own tables, quoted. */
  readonly schema: string;
}

const textKey: Column = { name: '', kind: 'text', type: 'text', cast: 'text' };

/**
 * Rows of one import in temporary tables of one connection, moved over in one transaction. They come in by COPY, of the types that the
 * table has: what it could not hold is refused as it arrives.
 */
export class PostgresStagedRows implements StagedRows {
  readonly #staging: PostgresStaging;
  readonly #key: Column;
  readonly #timestamp: Column;

  private constructor(staging: PostgresStaging, facts: TableFacts | undefined) {
    const { view } = staging;
    this.#staging = staging;
    this.#key = facts?.columns.get(view.key) ?? textKey;
    this.#timestamp = facts?.columns.get(view.timestamp ?? '') ?? { ...textKey, kind: 'timestamp' };
  }

  /** @throws Error in words when the table is there but does not fit the view. Closes the session then. */
  static async open(staging: PostgresStaging): Promise<PostgresStagedRows> {
    const { session, view } = staging;
    try {
      const facts = await writableTable(staging);
      const columns = facts === undefined ? ownStagedColumns(view) : stagedColumnsOf(view);
      await session.query({
        text: `CREATE TEMPORARY TABLE arriving AS SELECT NULL::bigint AS line, ${columns} WITH NO DATA`,
      });
      await session.query({ text: 'CREATE TEMPORARY TABLE staged (LIKE pg_temp.arriving, PRIMARY KEY (c0))' });
      return new PostgresStagedRows(staging, facts);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async stage(rows: readonly NumberedRow[]): Promise<readonly Refusal[]> {
    const { session } = this.#staging;
    const refusals: Refusal[] = [];
    const lines = rows.flatMap((row) => this.#toCopyLine(row, refusals));
    try {
      await session.copyIn('COPY pg_temp.arriving FROM STDIN', lines);
    } catch (error) {
      throw error instanceof CopyRefused ? this.#explain(error, rows, refusals) : error;
    }
    await session.query({
      text: 'INSERT INTO pg_temp.staged SELECT * FROM pg_temp.arriving ORDER BY line ON CONFLICT DO NOTHING',
    });
    const doubled = await session.query({
      text: 'SELECT a.line, s.line FROM pg_temp.arriving a JOIN pg_temp.staged s USING (c0) WHERE a.line <> s.line',
    });
    for (const [line, firstLine] of doubled.rows)
      refusals.push({ line: Number(line), reason: 'duplicate', firstLine: Number(firstLine) });
    await session.query({ text: 'TRUNCATE pg_temp.arriving' });
    return refusals.sort((a, b) => a.line - b.line);
  }

  async commit(): Promise<number> {
    const { session } = this.#staging;
    try {
      return await session.transaction(() => this.#moveOver());
    } finally {
      await session.close();
    }
  }

  discard(): Promise<void> {
    return this.#staging.session.close();
  }

  async #moveOver(): Promise<number> {
    const { session, view, schema } = this.#staging;
    if ((await writableTable(this.#staging)) === undefined) await session.query({ text: createTableSql(view) });
    const { count } = await session.query({ text: moveOverSql(view) });
    // Plans made while the table was small or empty would read it from end to end.
    await session.query({ text: `ANALYZE ${quotedTable(view)}` });
    await session.query({ text: countChangeSql(schema), values: [view.table] });
    return count;
  }

  #toCopyLine({ key, row, line }: NumberedRow, refusals: Refusal[]): string[] {
    const { view } = this.#staging;
    if (row.values.length !== view.features.length) throw new TypeError(`A row of view ${view.name} lacks values`);
    try {
      const values = [toKeyText(view.entity, key, this.#key), ...row.values.map(toText)];
      if (view.timestamp !== undefined) values.push(timestampToText(row.updatedAt, this.#timestamp.kind));
      return [`${[String(line), ...values].map(copyField).join('\t')}\n`];
    } catch (error) {
      if (!(error instanceof EntityKeyError)) throw error;
      refusals.push({ line, reason: 'key', expected: error.expected });
      return [];
    }
  }

  #explain({ row, column, reason }: CopyRefused, rows: readonly NumberedRow[], refused: readonly Refusal[]): Error {
    const copied = rows.filter(({ line }) => !refused.some((refusal) => refusal.line === line));
    const name = columnNames(this.#staging.view)[Number(column?.slice(1))];
    return new Error(
      `line ${copied[row - 1]?.line}${name === undefined ? '' : `, ${name}`}: ${reason}; nothing was imported`,
    );
  }
}

/** undefined when the table is absent. @throws Error in words when it does not fit the view. */
async function writableTable({ session, view }: PostgresStaging): Promise<TableFacts | undefined> {
  const facts = await readTableFacts(async (statement) => (await session.query(statement)).rows, view);
  const problems = facts === undefined ? [] : tableProblems(view, facts);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return facts;
}

/** Names of our own: the view's might be that of the line. */
function stagedColumnsOf(view: FeatureView): string {
  const columns = columnNames(view).map((name, index) => `t.${quoteIdentifier(name)} AS c${index}`);
  return `${columns.join(', ')} FROM ${quotedTable(view)} AS t`;
}

function ownStagedColumns(view: FeatureView): string {
  return ownColumns(view)
    .map(({ type }, index) => `NULL::${type} AS c${index}`)
    .join(', ');
}

function moveOverSql(view: FeatureView): string {
  const names = columnNames(view).map(quoteIdentifier);
  const staged = names.map((_, index) => `c${index}`).join(', ');
  const replaced = names.slice(1).map((name) => `${name} = excluded.${name}`);
  return (
    `INSERT INTO ${quotedTable(view)} (${names.join(', ')}) SELECT ${staged} FROM pg_temp.staged ORDER BY line ` +
    `ON CONFLICT (${names[0]}) DO UPDATE SET ${replaced.join(', ')}`
  );
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** One field in the text format of COPY (PostgreSQL manual, COPY, "File Formats"). */
function copyField(text: string | null): string {
  return text === null ? '\\N' : text.replace(/[\\\t\n\r]/g, (char) => escapes[char]!);
}
