import { ServiceError } from '../shared/errors.js';
import type { FeatureScalar, FeatureValue } from '../shared/feature-value.js';
import { pointerStep } from '../shared/json.js';
import type { Tensor, TensorData, TensorMap, TensorType } from './runtime.js';
import type { FeatureRow } from './signature.js';
import { toFloat16 } from './tensor-float16.js';
import { inferMapping, planInputs, type InputPlan } from './tensor-mapping.js';
import { intersection, tensorRanges } from './tensor-range.js';
import type { EncoderOptions, EncoderResult, InputMapping, NumberRange, TensorEncoder } from './tensor-types.js';

/** Compiles the way from rows to tensors, or says everything that stops it. */
export function compileEncoder({ features, mapping, inputs }: EncoderOptions): EncoderResult {
  const inferred = mapping === undefined ? inferMapping(features, inputs) : { value: mapping, problems: [] };
  if (inferred.problems.length > 0) return { problems: inferred.problems };
  const planned = planInputs(features, inferred.value, inputs);
  if (planned.problems.length > 0) return { problems: planned.problems };
  return { encoder: new CompiledEncoder(inferred.value, planned.value) };
}

class CompiledEncoder implements TensorEncoder {
  readonly inputs: InputMapping;
  readonly #ranges = new Map<string, NumberRange>();
  readonly #encoders: readonly { readonly name: string; readonly encode: EncodeInput }[];

  constructor(mapping: InputMapping, plans: readonly InputPlan[]) {
    this.inputs = mapping;
    this.#encoders = plans.map((plan) => ({ name: plan.spec.name, encode: inputEncoder(plan) }));
    for (const plan of plans) this.#learnRanges(plan);
  }

  #learnRanges(plan: InputPlan): void {
    const range = tensorRanges[plan.spec.type];
    for (const feature of plan.features) {
      if (range === undefined || feature.type === 'boolean') continue;
      const known = this.#ranges.get(feature.name);
      this.#ranges.set(feature.name, known === undefined ? range : intersection(known, range));
    }
  }

  encode(rows: readonly FeatureRow[]): TensorMap {
    return this.#encode(rows, false);
  }

  encodeForNow(rows: readonly FeatureRow[]): TensorMap {
    return this.#encode(rows, true);
  }

  #encode(rows: readonly FeatureRow[], forNow: boolean): TensorMap {
    const tensors: Record<string, Tensor> = {};
    for (const { name, encode } of this.#encoders) tensors[name] = encode(rows, forNow);
    return tensors;
  }

  rangeOf(feature: string): NumberRange | undefined {
    return this.#ranges.get(feature);
  }
}

type Numbers = Exclude<TensorData, string[] | BigInt64Array | BigUint64Array>;
type Write<Data> = (data: Data, at: number, value: FeatureScalar) => boolean;
/** How one tensor type is allocated and written. `write` is false for a value that the type cannot hold. */
interface ElementWriter<Data> {
  allocate(length: number): Data;
  write: Write<Data>;
}

/** `forNow`: the tensor's memory may be that of the call before. */
type EncodeInput = (rows: readonly FeatureRow[], forNow: boolean) => Tensor;

function inputEncoder(plan: InputPlan): EncodeInput {
  const { type } = plan.spec;
  if (type === 'float32' && plan.features.every((feature) => feature.shape === undefined)) return columnsEncoder(plan);
  return elementsEncoder(plan, writers[type] as ElementWriter<TensorData>);
}

/** The hot path: scalars into a float32 tensor. */
function columnsEncoder(plan: InputPlan): EncodeInput {
  const { positions, width, rest } = plan;
  const { min, max } = tensorRanges.float32 as NumberRange;
  let again = new Float32Array(0);
  return function encodeColumns(rows, forNow) {
    const length = rows.length * width;
    const data = forNow && again.length === length ? again : new Float32Array(length);
    if (forNow) again = data;
    let at = 0;
    for (const row of rows) {
      for (let column = 0; column < width; column++) {
        const value = row[positions[column] as number];
        const number = typeof value === 'number' ? value : value === null ? NaN : Number(value);
        if (number > max || number < min) throw cannotHold(plan, column);
        data[at++] = number;
      }
    }
    return { type: 'float32', dims: [rows.length, ...rest], data };
  };
}

function elementsEncoder(plan: InputPlan, writer: ElementWriter<TensorData>): EncodeInput {
  const { positions, width, rest, spec } = plan;
  return function encodeElements(rows) {
    const data = writer.allocate(rows.length * width);
    let at = 0;
    for (const [index, row] of rows.entries()) {
      for (let column = 0; column < positions.length; column++) {
        at = writeValue(data, at, row[positions[column] as number] ?? null, writer.write);
        if (at < 0) throw cannotHold(plan, column);
      }
      if (at !== (index + 1) * width) throw wrongShape(plan);
    }
    return { type: spec.type, dims: [rows.length, ...rest], data };
  };
}

/** Writes a scalar, or an array flat in row-major order. Answers the next place, or -1 for a value that cannot be held. */
function writeValue(data: TensorData, at: number, value: FeatureValue, write: Write<TensorData>): number {
  if (!Array.isArray(value)) return write(data, at, value as FeatureScalar) ? at + 1 : -1;
  let next = at;
  for (const element of value as readonly FeatureValue[]) {
    next = writeValue(data, next, element, write);
    if (next < 0) return -1;
  }
  return next;
}

function cannotHold(plan: InputPlan, column: number): ServiceError {
  const { name } = plan.features[column] ?? { name: plan.spec.name };
  return new ServiceError('FEATURE_VALIDATION_FAILED', `Feature '${name}' has a value that the model cannot take`, {
    details: { errors: [{ path: `/features${pointerStep(name)}`, problem: 'out_of_range', expected: plan.spec.type }] },
  });
}

function wrongShape(plan: InputPlan): ServiceError {
  const errors = plan.features
    .filter((feature) => feature.shape !== undefined)
    .map(({ name, shape }) => ({
      path: `/features${pointerStep(name)}`,
      problem: 'wrong_shape',
      expected: `shape [${shape?.join(', ')}]`,
    }));
  return new ServiceError('FEATURE_VALIDATION_FAILED', 'An array has a wrong number of elements', {
    details: { errors },
  });
}

function asNumber(value: FeatureScalar): number {
  return typeof value === 'number' ? value : value === null ? NaN : Number(value);
}

function numbers<Data extends Numbers>(
  type: TensorType,
  arrayType: new (length: number) => Data,
  convert: (value: number) => number = (value) => value,
): ElementWriter<Data> {
  const { min, max } = tensorRanges[type] ?? { min: 0, max: 1 };
  const takesNaN = type.startsWith('float');
  return {
    allocate: (length) => new arrayType(length),
    write: (data, at, value) => {
      const number = asNumber(value);
      if (number > max || number < min || (number !== number && !takesNaN)) return false;
      data[at] = convert(number);
      return true;
    },
  };
}

function bigints<Data extends BigInt64Array | BigUint64Array>(
  type: 'int64' | 'uint64',
  arrayType: new (length: number) => Data,
): ElementWriter<Data> {
  const { min, max } = tensorRanges[type] as NumberRange;
  return {
    allocate: (length) => new arrayType(length),
    write: (data, at, value) => {
      const number = asNumber(value);
      if (!(number <= max && number >= min && Number.isInteger(number))) return false;
      data[at] = BigInt(number);
      return true;
    },
  };
}

/** onnxruntime ends a text at NUL without a word, so such a text is refused. */
const strings: ElementWriter<string[]> = {
  allocate: (length) => new Array<string>(length).fill(''),
  write: (data, at, value) => {
    const text = value ?? '';
    if (typeof text !== 'string' || text.includes('\0')) return false;
    data[at] = text;
    return true;
  },
};

const writers = {
  float32: numbers('float32', Float32Array),
  float64: numbers('float64', Float64Array),
  float16: numbers('float16', Uint16Array, toFloat16),
  int8: numbers('int8', Int8Array),
  int16: numbers('int16', Int16Array),
  int32: numbers('int32', Int32Array),
  int64: bigints('int64', BigInt64Array),
  uint8: numbers('uint8', Uint8Array),
  uint16: numbers('uint16', Uint16Array),
  uint32: numbers('uint32', Uint32Array),
  uint64: bigints('uint64', BigUint64Array),
  bool: numbers('bool', Uint8Array),
  string: strings,
};
