import type { EntityKey } from '../../shared/feature-value.js';
import type { FeatureView, StoredRow } from '../view.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import type { SqliteDatabase, SqlValue } from '../../shared/sqlite-database.js';
import { createTable, readTableFacts, verifyTable, type TableFacts } from './sqlite-table.js';
import { columnNames, quotedTable, toKeyValue, toSqlTimestamp, toSqlValue } from './sqlite-values.js';

/**
 * What is known of the table before rows go in; undefined when it is absent.
 * @throws Error in words when the table is there but does not fit the view.
 */
export function writableTable(database: SqliteDatabase, view: FeatureView): TableFacts | undefined {
  const facts = readTableFacts(database, view);
  const problems = facts === undefined ? [] : verifyTable(database, view);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return facts;
}

/** Inserts or replaces rows, all or none, creating the table when it is absent. Returns how many. */
export function writeRows(
  database: SqliteDatabase,
  view: FeatureView,
  rows: readonly { readonly key: EntityKey; readonly row: StoredRow }[],
): number {
  return database.transaction(() => {
    const facts = ensureTable(database, view);
    const parameters = columnNames(view).map(() => '?');
    const statement = database.prepare(upsertSql(view, `VALUES (${parameters.join(', ')})`));
    for (const { key, row } of rows) statement.run(toSqlRow(view, facts, { key, row }));
    return rows.length;
  });
}

export function ensureTable(database: SqliteDatabase, view: FeatureView): TableFacts {
  const facts = writableTable(database, view);
  if (facts !== undefined) return facts;
  createTable(database, view);
  return { key: 'text', timestamp: 'text' };
}

/** `source` gives the rows: VALUES or SELECT, in the order of `columnNames`. */
export function upsertSql(view: FeatureView, source: string): string {
  const names = columnNames(view).map(quoteIdentifier);
  const replaced = names.slice(1).map((name) => `${name} = excluded.${name}`);
  const conflict = `ON CONFLICT (${names[0]}) DO UPDATE SET ${replaced.join(', ')}`;
  return `INSERT INTO ${quotedTable(view)} (${names.join(', ')}) ${source} ${conflict}`;
}

export function toSqlRow(
  view: FeatureView,
  facts: TableFacts,
  { key, row }: { readonly key: EntityKey; readonly row: StoredRow },
): SqlValue[] {
  if (row.values.length !== view.features.length) throw new TypeError(`A row of view ${view.name} lacks values`);
  const timestamp = view.timestamp === undefined ? [] : [toSqlTimestamp(row.updatedAt, facts.timestamp)];
  return [toKeyValue(view.entity, key, facts.key), ...row.values.map(toSqlValue), ...timestamp];
}
