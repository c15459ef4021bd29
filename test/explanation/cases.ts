import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readOnnxGraph } from '../../src/models/onnx/read-graph.js';

/** What the Python package `shap` says: base values, and values by row, target and column. */
export interface ShapValues {
  readonly base: readonly number[];
  readonly values: readonly (readonly (readonly number[])[])[];
}

/** One file of `cases`; made by make_cases.py. */
export interface ShapCase {
  readonly name: string;
  readonly onnx: string;
  readonly rows: readonly (readonly (number | null)[])[];
  readonly background: readonly (readonly (number | null)[])[];
  readonly sidecar: object;
  readonly path_dependent: ShapValues;
  readonly interventional: ShapValues;
}

const folder = path.join(import.meta.dirname, 'cases');

export const shapCases: readonly ShapCase[] = readdirSync(folder).map(
  (file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as ShapCase,
);

export const bytesOf = ({ onnx }: ShapCase): Buffer => Buffer.from(onnx, 'base64');
export const graphOf = (one: ShapCase) => readOnnxGraph(bytesOf(one));

export const columnsOf = (row: readonly (number | null)[]): Float64Array =>
  Float64Array.from(row, (cell) => Math.fround(cell ?? NaN));
