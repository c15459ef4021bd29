import type { TensorMap } from '../runtime.js';

/** Difference allowed beside the larger of 1 and the number itself (the rule for all numbers that the service answers). */
const tolerance = 1e-6;
/** What float32 sums may lose beside the sum of the absolute terms that they add up. */
const rounding = 2 ** -21;
/** Sums of such terms overflow in one order of adding and not in another. */
const overflowing = 1e30;

/**
 * How what was computed differs from the reference, in words without values; undefined when it does not. Labels, integers and strings must
 * be equal, floats within the tolerance and the rounding of sums of `noise`.
 */
export function differenceOf(reference: TensorMap, computed: TensorMap, noise: number): string | undefined {
  if (noise > overflowing) return undefined;
  const slack = Number.isNaN(noise) ? 0 : noise * rounding;
  for (const [name, want] of Object.entries(reference)) {
    const got = computed[name];
    if (got === undefined || got.type !== want.type || got.dims.join() !== want.dims.join()) {
      return `output '${name}' has another type or shape`;
    }
    for (let at = 0; at < want.data.length; at++) {
      if (!close(want.data[at], got.data[at], slack)) return `output '${name}' differs`;
    }
  }
  return undefined;
}

function close(want: unknown, got: unknown, slack: number): boolean {
  if (Object.is(want, got) || want === got) return true;
  if (typeof want !== 'number' || typeof got !== 'number') return false;
  return Math.abs(want - got) <= tolerance * Math.max(1, Math.abs(want)) + slack;
}
