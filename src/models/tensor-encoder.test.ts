import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '../shared/errors.js';
import type { FeatureType } from '../shared/feature-value.js';
import type { TensorMap, TensorSpec, TensorType } from './runtime.js';
import type { FeatureSpec } from './signature.js';
import { compileEncoder } from './tensor-encoder.js';
import { fromFloat16, toFloat16 } from './tensor-float16.js';
import type { InputMapping, TensorEncoder } from './tensor-types.js';

const feature = (name: string, type: FeatureType, more: Partial<FeatureSpec> = {}): FeatureSpec => ({
  name,
  type,
  nullable: false,
  pii: false,
  ...more,
});
const input = (name: string, type: TensorType, dims: readonly (number | null)[]): TensorSpec => ({ name, type, dims });

function encoderOf(features: FeatureSpec[], inputs: TensorSpec[], mapping?: InputMapping): TensorEncoder {
  const result = compileEncoder({ features, inputs, ...(mapping && { mapping }) });
  if (result.encoder === undefined) throw new Error(result.problems.join('; '));
  return result.encoder;
}

function problemsOf(features: FeatureSpec[], inputs: TensorSpec[], mapping?: InputMapping): readonly string[] {
  const result = compileEncoder({ features, inputs, ...(mapping && { mapping }) });
  return result.encoder === undefined ? result.problems : [];
}

function refusal(run: () => unknown): ServiceError {
  try {
    run();
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('compileEncoder', () => {
  it('fills the columns of one float32 input, booleans as 0 and 1, null as NaN', () => {
    const features = [feature('a', 'number', { nullable: true }), feature('b', 'integer'), feature('c', 'boolean')];
    const encoder = encoderOf(features, [input('x', 'float32', [null, 3])]);
    expect(encoder.inputs).toEqual({ x: ['a', 'b', 'c'] });
    expect(
      encoder.encode([
        [0.5, 2, true],
        [null, -1, false],
      ]),
    ).toEqual({ x: { type: 'float32', dims: [2, 3], data: Float32Array.of(0.5, 2, 1, NaN, -1, 0) } });
  });

  it('follows the order of the mapping, not of the features', () => {
    const encoder = encoderOf([feature('a', 'number'), feature('b', 'number')], [input('x', 'float64', [null, 2])], {
      x: ['b', 'a'],
    });
    expect(encoder.encode([[1, 2]])['x']?.data).toEqual(Float64Array.of(2, 1));
  });

  it('feeds inputs named like features one each, and the one that is left from the rest', () => {
    const features = [
      feature('age', 'integer'),
      feature('region', 'string'),
      feature('p', 'number'),
      feature('q', 'number'),
    ];
    const encoder = encoderOf(features, [
      input('region', 'string', [null, 1]),
      input('age', 'int64', [null]),
      input('rest', 'float32', [null, null]),
    ]);
    const tensors = encoder.encode([[41, 'north', 1, 2]]);
    expect(tensors['region']).toEqual({ type: 'string', dims: [1, 1], data: ['north'] });
    expect(tensors['age']).toEqual({ type: 'int64', dims: [1], data: BigInt64Array.of(41n) });
    expect(tensors['rest']).toEqual({ type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) });
  });

  it('takes an array feature nested or flat, and gives it the dims of the input', () => {
    const pixels = feature('pixels', 'number', { shape: [1, 2, 3] });
    const encoder = encoderOf([pixels], [input('image', 'float32', [null, 1, null, null])]);
    const flat = encoder.encode([[[1, 2, 3, 4, 5, 6]]])['image'];
    const nested = encoder.encode([
      [
        [
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
        ],
      ],
    ])['image'];
    expect(flat).toEqual({ type: 'float32', dims: [1, 1, 2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    expect(nested).toEqual(flat);
  });

  it('puts an array among columns', () => {
    const encoder = encoderOf(
      [feature('a', 'number'), feature('v', 'number', { shape: [2] }), feature('b', 'number')],
      [input('x', 'float32', [null, 4])],
    );
    expect(encoder.encode([[1, [2, 3], 4]])['x']?.data).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it('uses memory again only for who is done with it', () => {
    const encoder = encoderOf([feature('a', 'number')], [input('x', 'float32', [null, 1])]);
    const dataOf = (tensors: TensorMap) => tensors['x']?.data;
    const kept = dataOf(encoder.encode([[1]]));
    const first = dataOf(encoder.encodeForNow([[2]]));
    expect(first).toEqual(Float32Array.of(2));
    expect(dataOf(encoder.encode([[3]]))).toEqual(Float32Array.of(3));
    expect(first).toEqual(Float32Array.of(2));
    expect(dataOf(encoder.encodeForNow([[4]]))).toBe(first);
    expect(first).toEqual(Float32Array.of(4));
    expect(dataOf(encoder.encodeForNow([[5], [6]]))).toEqual(Float32Array.of(5, 6));
    expect(kept).toEqual(Float32Array.of(1));
  });

  const integers: [TensorType, number, unknown][] = [
    ['int8', -128, Int8Array.of(-128)],
    ['int16', -32768, Int16Array.of(-32768)],
    ['int32', 2147483647, Int32Array.of(2147483647)],
    ['int64', Number.MAX_SAFE_INTEGER, BigInt64Array.of(9007199254740991n)],
    ['uint8', 255, Uint8Array.of(255)],
    ['uint16', 65535, Uint16Array.of(65535)],
    ['uint32', 4294967295, Uint32Array.of(4294967295)],
    ['uint64', Number.MAX_SAFE_INTEGER, BigUint64Array.of(9007199254740991n)],
  ];
  it.each(integers)('writes %s up to its bounds and refuses what is beyond', (type, edge, data) => {
    const encoder = encoderOf([feature('n', 'integer')], [input('n', type, [null, 1])]);
    expect(encoder.encode([[edge]])['n']?.data).toEqual(data);
    const beyond = edge < 0 ? edge - 1 : edge + 1;
    expect(refusal(() => encoder.encode([[beyond]])).code).toBe('FEATURE_VALIDATION_FAILED');
    const range = encoder.rangeOf('n');
    expect(edge < 0 ? range?.min : range?.max).toBe(edge);
  });

  it.each(['float32', 'float16'] as const)('refuses a number that would become infinite in %s', (type) => {
    const encoder = encoderOf([feature('n', 'number')], [input('n', type, [null, 1])]);
    const error = refusal(() => encoder.encode([[1e39]]));
    expect(error.details.errors).toEqual([{ path: '/features/n', problem: 'out_of_range', expected: type }]);
    expect(encoder.rangeOf('n')?.max).toBeLessThan(1e39);
  });

  it('gives a feature that feeds two inputs the narrower range', () => {
    const encoder = encoderOf(
      [feature('n', 'integer')],
      [input('wide', 'float64', [null, 1]), input('narrow', 'int8', [null])],
      { wide: 'n', narrow: 'n' },
    );
    expect(encoder.rangeOf('n')).toEqual({ min: -128, max: 127 });
  });

  it('writes booleans, float16 and text, null as the empty text, and refuses NUL', () => {
    const features = [feature('b', 'boolean'), feature('h', 'number'), feature('s', 'string', { nullable: true })];
    const encoder = encoderOf(features, [
      input('b', 'bool', [null]),
      input('h', 'float16', [null, 1]),
      input('s', 'string', [null]),
    ]);
    const tensors = encoder.encode([
      [true, 1, 'é'],
      [false, 65504, null],
    ]);
    expect(tensors['b']?.data).toEqual(Uint8Array.of(1, 0));
    expect(tensors['h']?.data).toEqual(Uint16Array.of(0x3c00, 0x7bff));
    expect(tensors['s']?.data).toEqual(['é', '']);
    expect(refusal(() => encoder.encode([[true, 1, 'a\0b']])).details.errors?.[0]?.path).toBe('/features/s');
    expect(encoder.rangeOf('b')).toBeUndefined();
  });

  it('refuses an array that does not fill the row', () => {
    const encoder = encoderOf([feature('v', 'number', { shape: [2] })], [input('v', 'float32', [null, 2])]);
    expect(refusal(() => encoder.encode([[[1, 2, 3]]])).details.errors?.[0]).toMatchObject({
      path: '/features/v',
      problem: 'wrong_shape',
    });
  });

  it('says in words what does not fit', () => {
    const ab = [feature('a', 'number'), feature('b', 'number')];
    expect(problemsOf(ab, [input('x', 'float32', [null, 3])])).toEqual([
      "input 'x' wants 3 columns, the manifest gives 2: 'a', 'b'",
    ]);
    expect(problemsOf(ab, [input('x', 'float32', [null, 2])], { x: ['a', 'bb'] })).toEqual([
      "input 'x' wants feature 'bb', which is not declared: did you mean 'b'?",
    ]);
    expect(problemsOf(ab, [input('x', 'float32', [null, 2])], { y: ['a', 'b'] })).toEqual([
      "the graph has no input 'y': did you mean 'x'?",
      "input 'x' gets no features: name them under `inputs`",
    ]);
    expect(problemsOf(ab, [input('p', 'float32', [null, 1]), input('q', 'float32', [null, 1])])).toEqual([
      "the graph has the inputs 'p', 'q': write `inputs` to say which features fill them",
    ]);
    expect(problemsOf(ab, [input('a', 'float32', [null, 1])])).toEqual([
      "no input of the graph takes 'b': remove them, or write `inputs`",
    ]);
    expect(problemsOf(ab, [input('x', 'float32', [8, 2])])[0]).toContain('exactly 8 rows');
    expect(problemsOf(ab, [input('x', 'float32', [])])[0]).toContain('no dimension for the rows');
    expect(problemsOf(ab, [input('x', 'float32', [null, null, null])])[0]).toContain('one feature with a `shape`');
    const image = [feature('i', 'number', { shape: [2, 3] })];
    expect(problemsOf(image, [input('i', 'float32', [null, 3, 2])])).toEqual([
      "input 'i' wants [N, 3, 2], the feature's shape is [2, 3]",
    ]);
  });

  it.each([
    ['number', 'int64', {}, 'declare it integer'],
    ['number', 'bool', {}, 'declare it boolean'],
    ['integer', 'bool', {}, 'declare it boolean'],
    ['number', 'string', {}, 'do not convert'],
    ['string', 'float32', { enum: ['a'] }, 'do not convert'],
    ['integer', 'int32', { nullable: true }, 'cannot be nullable'],
    ['boolean', 'bool', { nullable: true }, 'cannot be nullable'],
  ] as const)('refuses a %s feature in a %s input', (type, tensor, more, words) => {
    expect(problemsOf([feature('f', type, more)], [input('f', tensor, [null, 1])])).toEqual([
      expect.stringContaining(words),
    ]);
  });
});

describe('float16', () => {
  it('keeps every one of the 65536 patterns', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromFloat16(bits);
      if (Number.isNaN(value)) expect(fromFloat16(toFloat16(value))).toBeNaN();
      else if (toFloat16(value) !== bits) expect.fail(`${bits} became ${toFloat16(value)}`);
    }
  });

  it('rounds to the nearest neighbour', () => {
    fc.assert(
      fc.property(fc.double({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = toFloat16(value);
        const error = Math.abs(fromFloat16(bits) - Math.fround(value));
        for (const neighbour of [bits - 1, bits + 1]) {
          const other = fromFloat16(neighbour & 0xffff);
          if (Number.isFinite(other)) expect(error).toBeLessThanOrEqual(Math.abs(other - Math.fround(value)));
        }
      }),
    );
  });
});
