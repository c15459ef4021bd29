import type { GraphSignature, TensorMap, TensorSpec } from '../../runtime.js';
import { manyRows } from './measure.js';

export interface ObservedSignature {
  readonly signature: GraphSignature;
  readonly notes: readonly string[];
}

/**
 * The signature as two real runs showed it: ranks that the graph did not state, and only outputs whose first dimension is the rows.
 * Others cannot be told apart by row: they are left out, with a note.
 */
export function observedSignature(
  declared: GraphSignature,
  one: TensorMap,
  many: TensorMap | undefined,
): ObservedSignature {
  const notes: string[] = [];
  const outputs: TensorSpec[] = [];
  for (const spec of declared.outputs) {
    const single = one[spec.name]?.dims ?? [];
    const several = many?.[spec.name]?.dims;
    const perRow = single[0] === 1 && (several === undefined || several[0] === manyRows);
    if (perRow) outputs.push({ ...spec, dims: mergedDims(spec, single, several) });
    else {
      const rows = several === undefined ? '1 row' : `${manyRows} rows`;
      const shape = (several ?? single).join(', ');
      notes.push(
        `output '${spec.name}' has the shape [${shape}] for ${rows}: its first dimension is not the rows, so it is left out`,
      );
    }
  }
  return { signature: { ...declared, outputs }, notes };
}

function mergedDims(
  spec: TensorSpec,
  one: readonly number[],
  many: readonly number[] | undefined,
): readonly (number | null)[] {
  if (spec.dims.length === one.length) return [spec.dims[0] ?? null, ...spec.dims.slice(1)];
  return one.map((dim, at) => (at > 0 && (many === undefined || many[at] === dim) ? dim : null));
}
