import { nearestName } from '../../shared/names.js';
import type { FeatureType } from '../../shared/feature-value.js';
import type { FeatureView } from '../view.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import type { SqliteDatabase } from '../../shared/sqlite-database.js';
import { affinityOf, columnNames, quotedTable, tableName, type Affinity } from './sqlite-values.js';

/** What the database says of a view's table. */
export interface TableFacts {
  readonly key: Affinity;
  readonly timestamp: Affinity;
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly primaryKeyPart: boolean;
}

/** undefined when there is no such table. */
export function readTableFacts(database: SqliteDatabase, view: FeatureView): TableFacts | undefined {
  const columns = readColumns(database, view);
  if (columns.length === 0) return undefined;
  const affinity = (name: string | undefined) =>
    affinityOf(columns.find((column) => same(column.name, name))?.type ?? '');
  return { key: affinity(view.key), timestamp: affinity(view.timestamp) };
}

/** Everything wrong with the view's table, in words. */
export function verifyTable(database: SqliteDatabase, view: FeatureView): string[] {
  const columns = readColumns(database, view);
  if (columns.length === 0) return [tableAbsent(view)];
  const names = columns.map(({ name }) => name);
  const problems = columnNames(view)
    .filter((wanted) => !names.some((name) => same(name, wanted)))
    .map((wanted) => columnAbsent(view, wanted, names));
  const hasKey = names.some((name) => same(name, view.key));
  if (hasKey && !isUnique(database, view, columns)) problems.push(keyNotUnique(view));
  return problems;
}

export function tableAbsent(view: FeatureView): string {
  return `The table ${view.table} of view ${view.name} does not exist`;
}

function columnAbsent(view: FeatureView, wanted: string, names: readonly string[]): string {
  const near = nearestName(wanted, names);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return `The table ${view.table} of view ${view.name} has no column ${wanted}${hint}`;
}

function keyNotUnique(view: FeatureView): string {
  const mend = `CREATE UNIQUE INDEX ${quoteIdentifier(`${view.name}_key`)} ON ${quotedTable(view)} (${quoteIdentifier(view.key)})`;
  return `The key ${view.key} of view ${view.name} is not unique: it needs a primary key or a unique index (${mend})`;
}

export function createTable(database: SqliteDatabase, view: FeatureView): void {
  const features = view.features.map(({ name, type }) => `${quoteIdentifier(name)} ${sqlTypes[type]}`);
  const timestamp = view.timestamp === undefined ? [] : [`${quoteIdentifier(view.timestamp)} TEXT`];
  const columns = [`${quoteIdentifier(view.key)} TEXT NOT NULL PRIMARY KEY`, ...features, ...timestamp];
  database.run(`CREATE TABLE ${quotedTable(view)} (${columns.join(', ')})`);
}

const sqlTypes: Readonly<Record<FeatureType, string>> = {
  number: 'REAL',
  integer: 'INTEGER',
  boolean: 'BOOLEAN',
  string: 'TEXT',
};

function readColumns(database: SqliteDatabase, view: FeatureView): Column[] {
  const rows = database.prepare('SELECT name, type, pk FROM pragma_table_info(?)').all([tableName(view)]);
  return rows.map(([name, type, pk]) => ({ name: String(name), type: String(type), primaryKeyPart: Number(pk) > 0 }));
}

function isUnique(database: SqliteDatabase, view: FeatureView, columns: readonly Column[]): boolean {
  const primaryKey = columns.filter(({ primaryKeyPart }) => primaryKeyPart);
  if (primaryKey.length === 1 && same(primaryKey[0]?.name ?? '', view.key)) return true;
  const indexes = database.prepare(`
    SELECT (SELECT group_concat(ifnull(name, ''), char(31)) FROM pragma_index_info(list.name))
    FROM pragma_index_list(?) AS list WHERE list."unique" = 1 AND list.partial = 0`);
  return indexes.all([tableName(view)]).some(([indexed]) => same(String(indexed), view.key));
}

/** SQLite does not tell column names apart by case. */
function same(name: string, wanted: string | undefined): boolean {
  return name.toLowerCase() === wanted?.toLowerCase();
}
