import { createHash } from 'node:crypto';
import { quoteIdentifier } from '../../shared/sql-identifier.js';
import type { PostgresRow, Statement } from '../../shared/postgres/pool.js';
import type { FeatureView, Lookup, StoredRow } from '../view.js';
import { columnAbsent, isKeyColumn, quotedTable, type Column, type TableFacts } from './postgres-table.js';
import { fromText, keyCast, timestampFromText, timestampSql, toKeyText, valueSql } from './postgres-values.js';

/** A view's columns, all of them there. */
export interface ReadableView {
  readonly view: FeatureView;
  readonly key: Column;
  readonly features: readonly Column[];
  readonly timestamp: Column | undefined;
}

/** @throws Error in words when the table lacks a column, or its key is of a type that no key can be compared with. */
export function readableView(view: FeatureView, { columns }: TableFacts): ReadableView {
  const find = (name: string): Column => {
    const column = columns.get(name);
    if (column === undefined) throw new Error(columnAbsent(view, name, [...columns.keys()]));
    return column;
  };
  const key = find(view.key);
  if (!isKeyColumn(key)) throw new Error(`The key ${view.key} of view ${view.name} is of type ${key.type}`);
  return {
    ...{ view, key },
    features: view.features.map(({ name }) => find(name)),
    timestamp: view.timestamp === undefined ? undefined : find(view.timestamp),
  };
}

/** Lookups of one view, and where each stands among all that were asked. */
export interface ViewLookups {
  readonly readable: ReadableView;
  readonly keys: string[];
  readonly positions: number[];
}

/** `readables` are the views of the lookups. @throws EntityKeyError when a key column cannot hold its key. */
export function groupByView(lookups: readonly Lookup[], readables: readonly ReadableView[]): ViewLookups[] {
  const groups = readables.map((readable): ViewLookups => ({ readable, keys: [], positions: [] }));
  lookups.forEach(({ view, key }, position) => {
    const group = groups.find(({ readable }) => readable.view.fingerprint === view.fingerprint)!;
    group.keys.push(toKeyText(view.entity, key, group.readable.key));
    group.positions.push(position);
  });
  return groups;
}

/**
 * One statement for all views: one round trip, one snapshot, and one thing to cancel. Each view is a branch whose rows are: number of
 * the branch, number of the key within it, values as text, filled up with NULL to the widest branch.
 */
export function readStatement(groups: readonly ViewLookups[]): Statement {
  const width = Math.max(...groups.map(({ readable }) => columnsOf(readable).length));
  const text = groups.map(({ readable }, index) => branch(readable, index, width)).join(' UNION ALL ');
  return { name: nameOf(text), text, values: groups.map(({ keys }) => keys) };
}

function columnsOf({ features, timestamp }: ReadableView): string[] {
  return [...features.map(valueSql), ...(timestamp === undefined ? [] : [timestampSql(timestamp)])];
}

function branch(readable: ReadableView, index: number, width: number): string {
  const columns = columnsOf(readable);
  const filled = [...columns, ...Array.from({ length: width - columns.length }, () => 'NULL::text')];
  return (
    `SELECT ${index}, k.number, ${filled.join(', ')} FROM unnest($${index + 1}::${keyCast(readable.key)}[]) ` +
    `WITH ORDINALITY AS k(key, number) JOIN ${quotedTable(readable.view)} AS t ON t.${quoteIdentifier(readable.view.key)} = k.key`
  );
}

const names = new Map<string, string>();
/** Every subset of a model's views makes a statement that each connection keeps: beyond this many, they are planned each time. */
const mostNames = 256;

function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= mostNames) return '';
  const name = `features_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
  names.set(text, name);
  return name;
}

/** In the order asked; null where there is no row. @throws Error where a key has more than one row: none of them can be trusted. */
export function rowsInOrder(
  count: number,
  groups: readonly ViewLookups[],
  rows: readonly PostgresRow[],
): (StoredRow | null)[] {
  const found = Array.from({ length: count }, (): StoredRow | null => null);
  for (const [branchNumber, keyNumber, ...values] of rows) {
    const { readable, positions } = groups[Number(branchNumber)]!;
    const position = positions[Number(keyNumber) - 1]!;
    const { view } = readable;
    if (found[position] !== null)
      throw new Error(`The key ${view.key} of view ${view.name} is not unique: one key has several rows`);
    found[position] = toStoredRow(readable, values);
  }
  return found;
}

function toStoredRow({ features, timestamp }: ReadableView, texts: readonly (string | null)[]): StoredRow {
  const values = features.map(({ kind }, index) => fromText(texts[index], kind));
  return {
    values,
    updatedAt: timestamp === undefined ? null : timestampFromText(texts[features.length], timestamp.kind),
  };
}
