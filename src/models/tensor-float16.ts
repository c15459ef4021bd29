/** IEEE 754 binary16, as bit patterns: Node.js 20 has no Float16Array. */

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** The number that a bit pattern stands for. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bit pattern nearest to a number, ties to even; beyond ±65504 the infinity. By way of float32, as NumPy's astype goes. */
export function toFloat16(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  const fraction = bits & 0x7fffff;
  if (exponent === 143) return sign | (fraction === 0 ? 0x7c00 : 0x7e00);
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent > 0) return sign | rounded((exponent << 23) | fraction, 13);
  if (exponent < -10) return sign;
  return sign | rounded(fraction | 0x800000, 14 - exponent);
}

/** Drops the lowest `count` bits, to the nearest, ties to even; a carry runs into the exponent, which is right. */
function rounded(bits: number, count: number): number {
  const kept = bits >>> count;
  const dropped = bits & ((1 << count) - 1);
  const half = 1 << (count - 1);
  return dropped > half || (dropped === half && (kept & 1) === 1) ? kept + 1 : kept;
}
