import { nearestName } from '../../shared/names.js';
import type { FeatureView } from '../view.js';

/** Where each column of a view stands in the file. */
export interface CsvColumns {
  readonly key: number;
  /** In the view's order. */
  readonly features: readonly number[];
  readonly timestamp: number | undefined;
  readonly count: number;
  /** Columns of the file that the view does not name: left out. */
  readonly ignored: readonly string[];
}

/** Matches the header to the view; or says everything that is wrong with it. */
export function readCsvHeader(view: FeatureView, header: readonly string[]): CsvColumns | readonly string[] {
  const names = view.features.map(({ name }) => name);
  const wanted = [view.key, ...names, ...(view.timestamp === undefined ? [] : [view.timestamp])];
  const problems = [
    ...wanted.filter((name) => !header.includes(name)).map((name) => missing(name, header)),
    ...[...new Set(header.filter((name, index) => header.indexOf(name) !== index))].map(repeated),
  ];
  if (problems.length > 0) return problems;
  return {
    key: header.indexOf(view.key),
    features: names.map((name) => header.indexOf(name)),
    timestamp: view.timestamp === undefined ? undefined : header.indexOf(view.timestamp),
    count: header.length,
    ignored: header.filter((name) => !wanted.includes(name)),
  };
}

function missing(name: string, header: readonly string[]): string {
  const near = nearestName(name, header);
  const hint = near === undefined ? '' : `; did you mean it by ${near}?`;
  return `the header lacks the column ${name}${hint}`;
}

function repeated(name: string): string {
  return `the header names the column ${name} twice`;
}
