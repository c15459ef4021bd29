import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import type { FeatureScalar } from '../../../shared/feature-value.js';
import { messageOf } from '../../../shared/errors.js';
import type { FeatureCheck } from '../../catalogue.js';
import type { FeatureRow, FeatureSpec } from '../../signature.js';
import { ExplanationFault } from './explanation-fault.js';
import { cellsOf, rowOf, type FeatureCell } from './feature-cells.js';

export const backgroundFile = 'background.csv';
export const maxBackgroundRows = 1000;
/** Longest line, in bytes. */
const maxLine = 2 ** 20;

/**
 * Rows of features as callers send them: one column a feature, one an element for array features (`pixels[0]`), named in the first line. An
 * empty cell is null. Reading stops behind the largest number of rows, so that a file of any length costs no more.
 * @throws ExplanationFault in words; the file system's error
 */
export async function readBackground(
  path: string,
  features: readonly FeatureSpec[],
  checks: readonly FeatureCheck[],
): Promise<readonly FeatureRow[]> {
  const reader = new BackgroundReader(features, checks);
  const source = createReadStream(path);
  const parser = parse({ bom: true, max_record_size: maxLine, relax_column_count: true });
  source.on('error', (error) => parser.destroy(error)).pipe(parser);
  try {
    await reader.readAll(parser as AsyncIterable<string[]>);
  } catch (error) {
    throw isCsvError(error) ? new ExplanationFault(backgroundFile, `is not CSV: ${messageOf(error)}`) : error;
  } finally {
    source.destroy();
    parser.destroy();
  }
  return reader.rows;
}

class BackgroundReader {
  readonly rows: FeatureRow[] = [];
  readonly #cells: readonly FeatureCell[];
  readonly #features: readonly FeatureSpec[];
  readonly #checks: readonly FeatureCheck[];
  /** The place among the cells of each column. */
  #columns: readonly number[] = [];
  #line = 0;

  constructor(features: readonly FeatureSpec[], checks: readonly FeatureCheck[]) {
    this.#cells = cellsOf(features);
    this.#features = features;
    this.#checks = checks;
  }

  async readAll(records: AsyncIterable<string[]>): Promise<void> {
    for await (const cells of records) {
      if (++this.#line === 1) this.#columns = this.#readHeader(cells);
      else this.#readRow(cells);
    }
    if (this.rows.length === 0) throw fault('holds no rows');
  }

  #readHeader(cells: readonly string[]): readonly number[] {
    const place = new Map(this.#cells.map(({ name }, at) => [name, at]));
    const unknown = cells.filter((name) => !place.has(name));
    if (unknown.length > 0) throw fault(`has columns that are no features: ${listed(unknown)}`);
    const missing = this.#cells.filter(({ name }) => !cells.includes(name)).map(({ name }) => name);
    if (missing.length > 0) throw fault(`lacks the columns ${listed(missing)}`);
    if (cells.length !== this.#cells.length) throw fault('has a column twice');
    return cells.map((name) => place.get(name) ?? 0);
  }

  #readRow(cells: readonly string[]): void {
    if (cells.length !== this.#columns.length) {
      throw fault(
        `has ${cells.length} cells in line ${this.#line}, where its header names ${this.#columns.length} columns`,
      );
    }
    if (this.rows.length === maxBackgroundRows)
      throw fault(`holds more than ${maxBackgroundRows} rows: draw some of them at random`);
    const values = new Array<FeatureScalar>(this.#cells.length).fill(null);
    this.#columns.forEach((place, at) => {
      values[place] = valueOf(cells[at] ?? '', this.#features[this.#cells[place]?.feature ?? 0]?.type);
    });
    const row = rowOf(this.#cells, values, this.#features.length);
    this.#features.forEach(({ name }, at) => {
      const [problem] = this.#checks[at]?.(row[at], name) ?? [];
      if (problem !== undefined)
        throw fault(`line ${this.#line}: ${problem.path} is not as the model takes it (${problem.problem})`);
    });
    this.rows.push(row);
  }
}

/** What is not of the feature's type stays text, which the check refuses. */
function valueOf(cell: string, type: FeatureSpec['type'] | undefined): FeatureScalar {
  if (cell === '') return null;
  if (type === 'string') return cell;
  if (type === 'boolean') return cell === 'true' ? true : cell === 'false' ? false : cell;
  const number = Number(cell);
  return cell.trim() === '' || Number.isNaN(number) ? cell : number;
}

function listed(all: readonly string[]): string {
  return all.length > 5 ? `${all.slice(0, 5).join(', ')} and ${all.length - 5} more` : all.join(', ');
}

function fault(message: string): ExplanationFault {
  return new ExplanationFault(backgroundFile, message);
}

function isCsvError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}
