import type { TensorType } from '../runtime.js';
import type { TreeEnsemble } from '../trees/tree-ensemble.js';
import type { Precision } from './trees/next-float.js';

/**
 * A value of the graph while one row is computed: its elements for that row, or a constant. Numbers of every type are kept as
 * doubles: float32 values are exact, and so are integers within ±2^53. `bool` is 0 and 1.
 */
export interface Value {
  readonly type: TensorType;
  /** null is the rows, which constants do not have. */
  readonly dims: readonly (number | null)[];
  readonly numbers: Float64Array;
  readonly strings: string[];
  readonly constant: boolean;
}

/** One operator, ready to run on the values that it was compiled for. */
export interface Step {
  run(): void;
  /** The largest sum of absolute terms that the last run added up: what float32 rounding is relative to. Absent: it adds nothing up. */
  noise?(): number;
  /** The trees that it walks, and the elements that they compare. */
  readonly trees?: { readonly ensemble: TreeEnsemble; readonly precision: Precision; readonly row: Float64Array };
}

/** The compiler does not know this graph, or knows that it would compute something else. The message says why, in words. */
export class NotCompiled extends Error {
  override readonly name = 'NotCompiled';
}

/** Elements of one row. */
export function widthOf(dims: readonly (number | null)[]): number {
  return dims.reduce<number>((product, dim) => product * (dim ?? 1), 1);
}

export function rowValue(type: TensorType, dims: readonly (number | null)[]): Value {
  const width = widthOf(dims);
  return {
    type,
    dims,
    numbers: new Float64Array(type === 'string' ? 0 : width),
    strings: type === 'string' ? new Array<string>(width).fill('') : [],
    constant: false,
  };
}

export function constantValue(type: TensorType, dims: readonly number[], data: ArrayLike<number> | string[]): Value {
  const strings = type === 'string';
  return {
    type,
    dims,
    numbers: strings ? new Float64Array(0) : Float64Array.from(data as ArrayLike<number>),
    strings: strings ? (data as string[]) : [],
    constant: true,
  };
}

/** The same elements under other dimensions or another type. */
export function viewOf(value: Value, dims: Value['dims'], type = value.type): Value {
  return { ...value, dims, type };
}

/** Rounds as storing in that type does. */
export function rounding(type: TensorType): (x: number) => number {
  return type === 'float32' ? Math.fround : (x) => x;
}

export const isFloat = ({ type }: Value): boolean => type === 'float32' || type === 'float64';
