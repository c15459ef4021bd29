import { nodeMode, type TreeEnsemble } from '../trees/tree-ensemble.js';
import { nextDown, nextUp, type Precision } from './trees/next-float.js';

export type Random = () => number;

/** Values a feature may take on the way to a node. */
interface Range {
  low: number;
  high: number;
}

/**
 * Rows that reach nodes of the trees and stand at their thresholds: exactly on one, just below and just above. At most `limit` nodes,
 * spread evenly over all; every node where there are no more. Rows of `ensemble.features` numbers.
 */
export function* boundaryRows(
  ensemble: TreeEnsemble,
  { precision, limit, random }: { readonly precision: Precision; readonly limit: number; readonly random: Random },
): Generator<Float64Array> {
  const { nodes } = ensemble;
  const parents = parentsOf(ensemble);
  const splits = [...nodes.mode.keys()].filter(
    (node) => nodes.mode[node] !== nodeMode.LEAF && parents[node] !== undefined,
  );
  const stride = Math.max(1, splits.length / limit);
  for (let at = 0; at < splits.length; at += stride) {
    const node = splits[Math.floor(at)] ?? 0;
    const row = rowTo(ensemble, { node, parents, precision, random });
    if (row === undefined) continue;
    for (const threshold of thresholdsOf(ensemble, node)) {
      for (const value of [threshold, nextDown(threshold, precision), nextUp(threshold, precision)]) {
        row[nodes.feature[node] ?? 0] = value;
        yield row.slice();
      }
    }
  }
}

/** The parent of each node that a root leads to, -1 for a root. */
function parentsOf({ nodes, roots }: TreeEnsemble): (number | undefined)[] {
  const parents = new Array<number | undefined>(nodes.count).fill(undefined);
  const open: [number, number][] = Array.from(roots, (root) => [root, -1]);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node, parent] = next;
    parents[node] = parent;
    if (nodes.mode[node] === nodeMode.LEAF) continue;
    open.push([nodes.trueChild[node] ?? -1, node], [nodes.falseChild[node] ?? -1, node]);
  }
  return parents;
}

function thresholdsOf({ nodes, members }: TreeEnsemble, node: number): ArrayLike<number> & Iterable<number> {
  return members.get(node) ?? [nodes.threshold[node] ?? 0];
}

/** A row that takes every turn on the way from the root, as far as one row can. */
function rowTo(
  ensemble: TreeEnsemble,
  {
    node,
    parents,
    precision,
    random,
  }: { node: number; parents: readonly (number | undefined)[]; precision: Precision; random: Random },
): Float64Array | undefined {
  const ranges = Array.from({ length: ensemble.features }, (): Range => ({ low: -Infinity, high: Infinity }));
  const { nodes } = ensemble;
  for (let child = node, at = parents[node] ?? -1; at >= 0; child = at, at = parents[at] ?? -1) {
    const range = ranges[nodes.feature[at] ?? 0];
    if (range !== undefined) narrow(range, ensemble, { node: at, yes: nodes.trueChild[at] === child, precision });
  }
  if (ranges.some(({ low, high }) => low > high)) return undefined;
  return Float64Array.from(ranges, (range) => inside(range, random));
}

function narrow(
  range: Range,
  { nodes }: TreeEnsemble,
  { node, yes, precision }: { node: number; yes: boolean; precision: Precision },
): void {
  const threshold = nodes.threshold[node] ?? 0;
  const mode = nodes.mode[node];
  const below = mode === nodeMode.LEQ || mode === nodeMode.LT;
  if (!below && mode !== nodeMode.GTE && mode !== nodeMode.GT) return;
  const on = mode === nodeMode.LEQ || mode === nodeMode.GTE ? yes : !yes;
  if (below === yes) range.high = Math.min(range.high, on ? threshold : nextDown(threshold, precision));
  else range.low = Math.max(range.low, on ? threshold : nextUp(threshold, precision));
}

function inside({ low, high }: Range, random: Random): number {
  if (low === -Infinity && high === Infinity) return Math.fround((random() - 0.5) * 10 ** Math.floor(random() * 5));
  if (low === -Infinity) return high;
  if (high === Infinity) return low;
  return random() < 0.5 ? low : high;
}
