/** Points in (0, 1) and weights with which the integral over [0, 1] of every polynomial up to degree 2 * count - 1 is exact. */
export interface Quadrature {
  readonly points: Float64Array;
  readonly weights: Float64Array;
}

/** Gauss and Legendre's rule: the zeros of the Legendre polynomial of degree `count` by Newton's method, moved from [-1, 1]. */
export function gaussLegendre(count: number): Quadrature {
  const points = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    const { zero, slope } = zeroOfLegendre(count, Math.cos((Math.PI * (at + 0.75)) / (count + 0.5)));
    points[at] = (1 + zero) / 2;
    weights[at] = 1 / ((1 - zero * zero) * slope * slope);
  }
  return { points, weights };
}

function zeroOfLegendre(degree: number, guess: number): { readonly zero: number; readonly slope: number } {
  let zero = guess;
  for (let step = 0; ; step++) {
    const { value, slope } = legendre(degree, zero);
    const next = zero - value / slope;
    if (Math.abs(next - zero) < 1e-16 || step === 100) return { zero: next, slope: legendre(degree, next).slope };
    zero = next;
  }
}

/** The Legendre polynomial and its derivative, by Bonnet's recursion. */
function legendre(degree: number, x: number): { readonly value: number; readonly slope: number } {
  let before = 0;
  let value = 1;
  for (let n = 1; n <= degree; n++) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
  return { value, slope: (degree * (x * value - before)) / (x * x - 1) };
}
