import { readFile, stat } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { nodeMode, type TreeEnsemble } from '../../trees/tree-ensemble.js';
import type { LinearScores } from '../exact/linear.js';
import { ExplanationFault } from './explanation-fault.js';
import { explainFileSchema, type ExplainFile, type TreeCovers } from './explain-file-schema.js';

export const explainFile = 'explain.json';
/** Longest explain.json that is read, in bytes: about two million nodes. */
const maxBytes = 64 * 2 ** 20;
/** Thresholds are written in decimal, and single precision has seven digits. */
const tolerance = 1e-6;
/** Covers are sums in single precision in some libraries. */
const coverTolerance = 0.01;

const validate = new Ajv({ strict: true, allowUnionTypes: true, discriminator: false }).compile<ExplainFile>(
  explainFileSchema,
);

/** @throws ExplanationFault in words; the file system's error */
export async function readExplainFile(path: string): Promise<ExplainFile> {
  const { size } = await stat(path);
  if (size > maxBytes) throw new ExplanationFault(explainFile, `is longer than ${maxBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new ExplanationFault(explainFile, 'is not JSON');
    throw error;
  }
  if (validate(value)) return value;
  throw new ExplanationFault(
    explainFile,
    'is not as docs/explain.schema.json says: write it with tools/explain_sidecar.py',
  );
}

/** The cover of each node of the ensemble. @throws ExplanationFault when the sidecar is another model's */
export function coversOf(ensemble: TreeEnsemble, trees: TreeCovers): Float64Array {
  const { nodes, roots } = ensemble;
  if (trees.length !== roots.length) throw fault(`holds ${trees.length} trees, the graph ${roots.length}`);
  const covers = new Float64Array(nodes.count);
  trees.forEach(({ cover, threshold }, tree) => {
    const first = roots[tree] ?? 0;
    const count = (roots[tree + 1] ?? nodes.count) - first;
    if (cover.length !== count || threshold.length !== count) {
      throw fault(`tree ${tree} has ${cover.length} nodes, in the graph ${count}`);
    }
    threshold.forEach((value, at) => {
      const own = nodes.threshold[first + at] ?? 0;
      if (Math.abs(value - own) > tolerance * Math.abs(own)) {
        throw fault(`node ${at} of tree ${tree} compares with ${value}, in the graph with ${own}`);
      }
    });
    covers.set(cover, first);
  });
  checkSums(ensemble, covers);
  return covers;
}

/** What came to a node went on to its children. */
function checkSums({ nodes, roots }: TreeEnsemble, covers: Float64Array): void {
  for (const root of roots) if (!(covers[root]! > 0)) throw fault('a tree has a cover of 0');
  for (let node = 0; node < nodes.count; node++) {
    if (nodes.mode[node] === nodeMode.LEAF) continue;
    const sum = (covers[nodes.trueChild[node]!] ?? 0) + (covers[nodes.falseChild[node]!] ?? 0);
    if (Math.abs(sum - covers[node]!) > coverTolerance * covers[node]!) {
      throw fault(`the covers below node ${node} add up to ${sum}, not to its ${covers[node]}`);
    }
  }
}

/** The means of the columns. @throws ExplanationFault when the sidecar is another model's */
export function meansFor(
  linear: LinearScores,
  file: Extract<ExplainFile, { kind: 'linear' }>,
  original: Float64Array,
): Float64Array {
  const { means, coefficients } = file;
  if (means.length !== linear.columns)
    throw fault(`holds ${means.length} means, the graph has ${linear.columns} columns`);
  const same =
    coefficients.length === original.length &&
    coefficients.every((value, at) => Math.abs(value - original[at]!) <= tolerance * Math.abs(original[at]!));
  if (!same) throw fault('the coefficients are not those of the graph');
  return Float64Array.from(means);
}

function fault(why: string): ExplanationFault {
  return new ExplanationFault(explainFile, `does not belong to this model.onnx: ${why}`);
}
