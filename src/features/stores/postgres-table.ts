import { nearestName } from '../../shared/names.js';
import type { FeatureType } from '../../shared/feature-value.js';
import type { PostgresRow, Statement } from '../../shared/postgres/pool.js';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import type { FeatureView } from '../view.js';

/** What a column's values can be. `other`: nothing that a feature, a key or a timestamp can be. */
export type ColumnKind = 'integer' | 'number' | 'boolean' | 'text' | 'enum' | 'uuid' | 'timestamp' | 'other';

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** The name of its type, as in pg_type; of the base type of a domain. */
  readonly type: string;
  /** The same with its schema and quoted, for casts. */
  readonly cast: string;
}

/** What the database says of a view's table. */
export interface TableFacts {
  readonly columns: ReadonlyMap<string, Column>;
  /** `yes`, `no`, or `unknown` where it is no table of this database's own: a view, a foreign table. Reads check it there. */
  readonly keyIsUnique: 'yes' | 'no' | 'unknown';
}

/** Runs a statement: over a pool, or in a session. */
export type RunStatement = (statement: Statement) => Promise<readonly PostgresRow[]>;

const factsSql = `
  SELECT a.attname::text, (t.typtype = 'e')::text, b.typname::text, quote_ident(n.nspname) || '.' || quote_ident(b.typname),
    c.relkind::text, EXISTS (
      SELECT FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = i.indkey[0]
      WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        AND i.indnkeyatts = 1 AND k.attname = $2)::text
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
  JOIN pg_namespace n ON n.oid = b.typnamespace
  WHERE c.oid = to_regclass($1) ORDER BY a.attnum`;

/** undefined when there is no such table. */
export async function readTableFacts(run: RunStatement, view: FeatureView): Promise<TableFacts | undefined> {
  const rows = await run({ text: factsSql, values: [quotedTable(view), view.key] });
  const [first] = rows;
  if (first === undefined) return undefined;
  const columns = rows.map(([name, isEnum, type, cast]): Column => {
    const kind = isEnum === 'true' ? 'enum' : (kinds[String(type)] ?? 'other');
    return { name: String(name), kind, type: String(type), cast: String(cast) };
  });
  // r: table, p: partitioned table, m: materialized view; all others have no indexes that could say so.
  const indexed = ['r', 'p', 'm'].includes(String(first[4]));
  return {
    columns: new Map(columns.map((column) => [column.name, column])),
    keyIsUnique: first[5] === 'true' ? 'yes' : indexed ? 'no' : 'unknown',
  };
}

const kinds: Readonly<Record<string, ColumnKind>> = {
  ...{ int2: 'integer', int4: 'integer', int8: 'integer' },
  ...{ float4: 'number', float8: 'number', numeric: 'number' },
  bool: 'boolean',
  ...{ text: 'text', varchar: 'text', bpchar: 'text', citext: 'text', name: 'text' },
  uuid: 'uuid',
  timestamptz: 'timestamp',
};

/** Key, features, timestamp: the columns of one view, in the order in which rows are written. */
export function columnNames(view: FeatureView): string[] {
  const features = view.features.map(({ name }) => name);
  return [view.key, ...features, ...(view.timestamp === undefined ? [] : [view.timestamp])];
}

/** Everything wrong with the view's table, in words. `facts` is undefined when it is absent. */
export function tableProblems(view: FeatureView, facts: TableFacts | undefined): string[] {
  if (facts === undefined) return [tableAbsent(view)];
  const absent = columnNames(view).filter((name) => !facts.columns.has(name));
  const problems = absent.map((name) => columnAbsent(view, name, [...facts.columns.keys()]));
  problems.push(...typeProblems(view, facts));
  if (facts.columns.has(view.key) && facts.keyIsUnique === 'no') problems.push(keyNotUnique(view));
  return problems;
}

export function tableAbsent(view: FeatureView): string {
  return `The table ${view.table} of view ${view.name} does not exist`;
}

export function columnAbsent(view: FeatureView, wanted: string, names: readonly string[]): string {
  const near = nearestName(wanted, names);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return `The table ${view.table} of view ${view.name} has no column ${wanted}${hint}`;
}

function keyNotUnique(view: FeatureView): string {
  const mend = `CREATE UNIQUE INDEX ON ${quotedTable(view)} (${quoteIdentifier(view.key)})`;
  return `The key ${view.key} of view ${view.name} is not unique: it needs a primary key or a unique index (${mend})`;
}

const numeric: readonly ColumnKind[] = ['integer', 'number'];
const kindsOfFeature: Readonly<Record<FeatureType, readonly ColumnKind[]>> = {
  number: numeric,
  integer: numeric,
  boolean: ['boolean'],
  string: ['text', 'enum', 'uuid'],
};
const timestampKinds: readonly ColumnKind[] = ['timestamp', 'integer', 'number', 'text'];

function typeProblems(view: FeatureView, { columns }: TableFacts): string[] {
  const roles = [
    { name: view.key, fits: isKeyColumn, role: 'a key must be text, a whole number, numeric or uuid' },
    ...view.features.map(({ name, type }) => ({
      name,
      fits: ({ kind }: Column) => kindsOfFeature[type].includes(kind),
      role: `the feature is of type ${type}`,
    })),
    ...(view.timestamp === undefined ? [] : [timestampRole(view.timestamp)]),
  ];
  return roles.flatMap(({ name, fits, role }) => {
    const column = columns.get(name);
    if (column === undefined || fits(column)) return [];
    return [`The column ${name} of ${view.table} (view ${view.name}) is of type ${column.type}, and ${role}`];
  });
}

function timestampRole(name: string) {
  const fits = ({ kind }: Column) => timestampKinds.includes(kind);
  return { name, fits, role: 'a timestamp must be timestamptz, epoch seconds, or ISO 8601 text with an offset' };
}

export function isKeyColumn({ kind, type }: Column): boolean {
  return kind === 'integer' || kind === 'text' || kind === 'uuid' || type === 'numeric';
}

const sqlTypes: Readonly<Record<FeatureType, string>> = {
  number: 'double precision',
  integer: 'bigint',
  boolean: 'boolean',
  string: 'text',
};

/** Name and type of each column of a table of our own making, in the order of `columnNames`. */
export function ownColumns(view: FeatureView): { readonly name: string; readonly type: string }[] {
  return [
    { name: view.key, type: 'text' },
    ...view.features.map(({ name, type }) => ({ name, type: sqlTypes[type] })),
    ...(view.timestamp === undefined ? [] : [{ name: view.timestamp, type: 'timestamptz' }]),
  ];
}

export function createTableSql(view: FeatureView): string {
  const [key, ...others] = ownColumns(view).map(({ name, type }) => `${quoteIdentifier(name)} ${type}`);
  return `CREATE TABLE ${quotedTable(view)} (${[`${key} PRIMARY KEY`, ...others].join(', ')})`;
}

/** `table` is looked for as the role's search_path says. */
export function quotedTable(view: FeatureView): string {
  return view.table.split('.').map(quoteIdentifier).join('.');
}
