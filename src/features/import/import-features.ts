import type { FeatureStore, NumberedRow, Refusal, StagedRows } from '../feature-store.js';
import type { FeatureView, StoredRow } from '../view.js';
import { readCsvHeader, type CsvColumns } from './csv-header.js';
import { CsvFormatError, readCsvRecords, type CsvRecord, type CsvSource } from './csv-records.js';
import { parseCsvKey, parseCsvTimestamp, parseCsvValue, type Parsed } from './csv-values.js';

/** One thing wrong with a file. Never holds a value of it. */
export interface ImportProblem {
  readonly line: number;
  /** The column, where the problem lies in one. */
  readonly column?: string;
  readonly message: string;
}

/** Nothing was imported. `problems` holds the first 100, `total` says how many there are. */
export class FeatureImportError extends Error {
  override readonly name = 'FeatureImportError';
  readonly problems: readonly ImportProblem[];
  readonly total: number;

  constructor(problems: readonly ImportProblem[], total: number) {
    super(`${total} ${total === 1 ? 'problem' : 'problems'} in the file; nothing was imported`);
    this.problems = problems;
    this.total = total;
  }
}

export interface ImportOptions {
  /** A path or a stream of bytes. */
  readonly csv: CsvSource;
  readonly view: FeatureView;
  readonly store: FeatureStore;
  /** Bytes of the file read so far. */
  readonly onProgress?: (bytes: number) => void;
}

export interface ImportResult {
  readonly rows: number;
  /** Columns of the file that the view does not name. */
  readonly ignoredColumns: readonly string[];
}

const mostProblems = 100;
const rowsPerStep = 1000;

/**
 * Inserts or replaces the rows of a CSV file, all or none. The header names the key, every feature, and the timestamp where the
 * view has one, in any order. Files of any size: rows wait on disk, not in memory, until the last one is found good.
 * @throws FeatureImportError listing what is wrong with the file; the store's error.
 */
export async function importFeatures(options: ImportOptions): Promise<ImportResult> {
  const staged = await options.store.stage(options.view);
  const problems = new ProblemList();
  let ignored: readonly string[];
  try {
    ignored = await stageFile(options, staged, problems);
    problems.throwIfAny();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  return { rows: await staged.commit(), ignoredColumns: ignored };
}

async function stageFile(
  options: ImportOptions,
  staged: StagedRows,
  problems: ProblemList,
): Promise<readonly string[]> {
  const { csv, view, onProgress } = options;
  const records = readCsvRecords(csv, onProgress);
  try {
    const columns = await readHeader(records, view, problems);
    if (columns === undefined) return [];
    await stageRecords(records, { view, columns, staged, problems });
    return columns.ignored;
  } catch (error) {
    if (!(error instanceof CsvFormatError)) throw error;
    problems.add({ line: error.line, message: error.message });
    return [];
  } finally {
    await records.return(undefined);
  }
}

async function readHeader(
  records: AsyncGenerator<CsvRecord>,
  view: FeatureView,
  problems: ProblemList,
): Promise<CsvColumns | undefined> {
  const first = await records.next();
  const { line, fields } = first.done === true ? { line: 1, fields: [] } : first.value;
  const columns = readCsvHeader(view, fields);
  if ('key' in columns) return columns;
  for (const message of columns) problems.add({ line, message });
  return undefined;
}

interface Staging {
  readonly view: FeatureView;
  readonly columns: CsvColumns;
  readonly staged: StagedRows;
  readonly problems: ProblemList;
}

async function stageRecords(records: AsyncGenerator<CsvRecord>, staging: Staging): Promise<void> {
  let rows: NumberedRow[] = [];
  const flush = async () => {
    for (const refusal of await staging.staged.stage(rows)) staging.problems.add(refused(staging.view, refusal));
    rows = [];
  };
  for (let next = await records.next(); next.done !== true; next = await records.next()) {
    const row = readRow(next.value, staging);
    if (row !== undefined) rows.push(row);
    if (rows.length === rowsPerStep) await flush();
  }
  await flush();
}

/** undefined after reporting what is wrong with the record. */
function readRow({ line, fields }: CsvRecord, { view, columns, problems }: Staging): NumberedRow | undefined {
  if (fields.length !== columns.count) {
    problems.add({ line, message: `has ${fields.length} fields, the header has ${columns.count}` });
    return undefined;
  }
  let good = true;
  const take = <T>(column: string, parsed: Parsed<T>): T | undefined => {
    if ('value' in parsed) return parsed.value;
    good = false;
    problems.add({ line, column, message: `expected ${parsed.expected}` });
    return undefined;
  };
  const key = take(view.key, parseCsvKey(fields[columns.key]!));
  const values = view.features.map(({ name, type }, index) =>
    take(name, parseCsvValue(fields[columns.features[index]!]!, type)),
  );
  const updatedAt =
    columns.timestamp === undefined ? null : take(view.timestamp!, parseCsvTimestamp(fields[columns.timestamp]!));
  return good ? { key: key!, row: { values, updatedAt } as StoredRow, line } : undefined;
}

function refused(view: FeatureView, refusal: Refusal): ImportProblem {
  const { line } = refusal;
  const message =
    refusal.reason === 'duplicate'
      ? `the key is the same as on line ${refusal.firstLine}`
      : `expected ${refusal.expected}, because of the type of the key column`;
  return { line, column: view.key, message };
}

/** Counts all problems and holds the first ones. */
class ProblemList {
  readonly #first: ImportProblem[] = [];
  #total = 0;

  add(problem: ImportProblem): void {
    this.#total++;
    if (this.#first.length < mostProblems) this.#first.push(problem);
  }

  throwIfAny(): void {
    const byLine = [...this.#first].sort((a, b) => a.line - b.line);
    if (this.#total > 0) throw new FeatureImportError(byLine, this.#total);
  }
}
