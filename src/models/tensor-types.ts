import type { FeatureRow, FeatureSpec } from './signature.js';
import type { TensorMap, TensorSpec } from './runtime.js';

/** Graph input → one feature, or the features that are the columns of one [N, F] tensor, in this order (`inputs` of model.yaml). */
export type InputMapping = Readonly<Record<string, string | readonly string[]>>;

/** Bounds, inclusive, that a number must keep so that the tensor can hold it. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
}

/** Turns rows into the tensors of one graph. Compiled once a version. */
export interface TensorEncoder {
  /** The mapping in use: as given, or inferred. */
  readonly inputs: InputMapping;
  /**
   * Rows (values in the order of the features, already checked) → one tensor an input, [rows, …].
   * The rows may be given up at once: nothing of them is kept.
   * @throws ServiceError FEATURE_VALIDATION_FAILED for a value that the tensor cannot hold (the feature checks refuse it before).
   */
  encode(rows: readonly FeatureRow[]): TensorMap;
  /**
   * The same for who is done with the tensors before the next call, which may use their memory again: memory of more than 64 bytes costs
   * V8 a part of what a small model's run costs.
   */
  encodeForNow(rows: readonly FeatureRow[]): TensorMap;
  /** What the tensors behind a feature can hold; undefined where the feature's own type is narrower (boolean, string). */
  rangeOf(feature: string): NumberRange | undefined;
}

export type EncoderResult =
  { readonly encoder: TensorEncoder } | { readonly problems: readonly string[]; readonly encoder?: undefined };

export interface EncoderOptions {
  readonly features: readonly FeatureSpec[];
  /** Absent: inferred from the names and shapes of the graph's inputs. */
  readonly mapping?: InputMapping;
  /** The graph's inputs. */
  readonly inputs: readonly TensorSpec[];
}

/** One element of an output: floats are number (float32 widened exactly), all integer types bigint, as CEL takes them. */
export type OutputScalar = number | bigint | boolean | string;
/** [N] and [N, 1]: a scalar; [N, C]: a list; more dimensions: nested lists. */
export type OutputValue = OutputScalar | readonly OutputValue[];
/** One row's outputs by name. */
export type RowOutputs = Readonly<Record<string, OutputValue>>;
