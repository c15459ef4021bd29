import { elementsOf } from '../../open-inference/datatypes.js';
import type { GraphSignature } from '../../runtime.js';

/** For names, parameters and brackets. */
const besideTensors = 65_536;
/** A number as JSON, with what separates it; records repeat the name of the output beside it. */
const numberBytes = 32;
/** An answer whose size the signature does not tell. */
const unknownSize = 16 * 1024 * 1024;

/** Bytes that an answer over `rows` rows may have. */
export function largestAnswer({ outputs }: GraphSignature, rows: number): number {
  let bytes = besideTensors;
  for (const { name, type, dims } of outputs) {
    const perRow = dims.slice(1);
    if (type === 'string' || perRow.includes(null)) return unknownSize;
    bytes += rows * elementsOf(perRow as number[]) * (numberBytes + name.length);
  }
  return bytes;
}
