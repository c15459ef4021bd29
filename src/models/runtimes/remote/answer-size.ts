import { elementsOf } from '../../open-inference/datatypes.js';
import type { GraphSignature } from '../../runtime.js';

/** For names, parameters and brackets. */
const besideTensors = 65_536;
/** A number as JSON, with what separates it. */
const numberBytes = 32;
/** An answer whose size the signature does not tell. */
const unknownSize = 16 * 1024 * 1024;

/** Bytes that an answer over `rows` rows may have. */
export function largestAnswer({ outputs }: GraphSignature, rows: number): number {
  let elements = 0;
  for (const { type, dims } of outputs) {
    const perRow = dims.slice(1);
    if (type === 'string' || perRow.includes(null)) return unknownSize;
    elements += rows * elementsOf(perRow as number[]);
  }
  return besideTensors + elements * numberBytes;
}
