const floats = new Float32Array(1);
const floatBits = new Int32Array(floats.buffer);
const doubles = new Float64Array(1);
const doubleBits = new BigInt64Array(doubles.buffer);

/** How many bits numbers are kept in: float32 or float64. */
export type Precision = 'float32' | 'float64';

/** The largest number of that precision below `x`; -Infinity and NaN stay. */
export function nextDown(x: number, precision: Precision): number {
  return -nextUp(-x, precision);
}

/** The smallest number of that precision above `x`; Infinity and NaN stay. */
export function nextUp(x: number, precision: Precision): number {
  if (Number.isNaN(x) || x === Infinity) return x;
  if (precision === 'float32') {
    if (x === 0) return 2 ** -149;
    floats[0] = x;
    floatBits[0]! += x > 0 ? 1 : -1;
    return floats[0];
  }
  if (x === 0) return Number.MIN_VALUE;
  doubles[0] = x;
  doubleBits[0]! += x > 0 ? 1n : -1n;
  return doubles[0];
}
