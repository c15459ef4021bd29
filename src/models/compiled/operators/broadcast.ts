import type { OperatorCall } from '../operator.js';
import { widthOf, type Value } from '../value.js';

/** Which element of each input makes each element of the output. */
export interface Broadcast {
  readonly dims: Value['dims'];
  readonly picks: readonly Int32Array[];
}

/** The broadcasting of numpy; the rows stand at the same axis in all values that have them. @throws NotCompiled */
export function broadcast(call: OperatorCall, values: readonly Value[]): Broadcast {
  const rank = Math.max(...values.map(({ dims }) => dims.length));
  const aligned = values.map(({ dims }) => [...new Array<number>(rank - dims.length).fill(1), ...dims]);
  const dims = Array.from({ length: rank }, (_, axis) => {
    const sizes = aligned.map((one) => one[axis] ?? null).filter((size) => size !== 1);
    if (sizes.some((size) => size !== sizes[0])) throw call.refusal('over shapes that do not fit');
    return sizes.length === 0 ? 1 : (sizes[0] ?? null);
  });
  return { dims, picks: aligned.map((one) => picksOf(one, dims)) };
}

function picksOf(from: Value['dims'], to: Value['dims']): Int32Array {
  return new Int32Array(widthOf(to)).map((_, at) => {
    let rest = at;
    let index = 0;
    let stride = 1;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const size = to[axis] ?? 1;
      const own = from[axis] ?? 1;
      if (own !== 1) index += (rest % size) * stride;
      rest = Math.floor(rest / size);
      stride *= own;
    }
    return index;
  });
}
