import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelBytes, type AttributeSource } from '../../../test/support/onnx/model-bytes.js';
import { ManualClock } from '../../shared/clock.js';
import { inspectOnnx } from '../onnx/inspect-onnx.js';
import type { TensorMap } from '../runtime.js';
import { sampleInputs, seededRandom } from '../runtimes/onnx/sample-inputs.js';
import { openSession, type OnnxSession } from '../runtimes/onnx/session.js';
import { compileGraph } from './compile-graph.js';
import { proofBatches } from './proof-rows.js';
import { prove } from './prove.js';
import { nextUp } from './trees/next-float.js';

interface Change {
  /** Threshold of the second node, which stands below the first. */
  readonly threshold?: number;
  readonly mode?: string;
  readonly missing?: number;
  readonly weight?: number;
}

/** x0 ≤ 3 ? (x1 > 0.1 ? 1 : 2) : 5, over two features; then one more tree that is a leaf. */
function model({ threshold = 0.1, mode = 'BRANCH_GT', missing = 0, weight = 2 }: Change = {}) {
  const attributes: Record<string, AttributeSource> = {
    nodes_treeids: { ints: [0, 0, 0, 0, 0, 1] },
    nodes_nodeids: { ints: [0, 1, 2, 3, 4, 0] },
    nodes_featureids: { ints: [0, 1, 0, 0, 0, 0] },
    nodes_modes: { texts: ['BRANCH_LEQ', mode, 'LEAF', 'LEAF', 'LEAF', 'LEAF'] },
    nodes_values: { floats: [3, threshold, 0, 0, 0, 0] },
    nodes_truenodeids: { ints: [1, 3, 0, 0, 0, 0] },
    nodes_falsenodeids: { ints: [2, 4, 0, 0, 0, 0] },
    nodes_missing_value_tracks_true: { ints: [0, missing, 0, 0, 0, 0] },
    target_treeids: { ints: [0, 0, 0, 1] },
    target_nodeids: { ints: [2, 3, 4, 0] },
    target_ids: { ints: [0, 0, 0, 0] },
    target_weights: { floats: [5, 1, weight, 0.25] },
    n_targets: { int: 1 },
  };
  const node = { op: 'TreeEnsembleRegressor', domain: 'ai.onnx.ml', inputs: ['x'], outputs: ['y'], attributes };
  return inspectOnnx(
    modelBytes({
      nodes: [node],
      inputs: [{ name: 'x', type: 1, dims: [null, 2] }],
      outputs: [{ name: 'y', type: 1, dims: [null, 1] }],
    }),
    '/',
  );
}

describe('prove', () => {
  let session: OnnxSession;
  beforeAll(async () => {
    session = await openSession({ bytes: (await model()).bytes, folder: '/' });
  });
  afterAll(() => session.release());

  /** The proof of the changed model against onnxruntime's run of the unchanged one. */
  async function proof(change: Change, answer = (inputs: TensorMap, _rows: number) => session.run(inputs, ['y'])) {
    const { graph, signature } = await model(change);
    const compilation = compileGraph(graph, signature);
    if ('reason' in compilation) throw new Error(compilation.reason);
    const random = seededRandom(3);
    const sample = (rows: number) => sampleInputs(signature.inputs, rows, random);
    const batches = proofBatches({ graph: compilation.compiled, signature, sample, random, maxRows: undefined });
    const clock = new ManualClock();
    return prove({ graph: compilation.compiled, batches, reference: answer, clock, budgetMs: 300 });
  }

  it('finds no difference where there is none, over plausible, wild and boundary rows', async () => {
    expect(await proof({})).toEqual({ rows: 8 * 64 + 2 * 3 });
  });

  it.each<[string, Change]>([
    ['a threshold one float higher', { threshold: nextUp(Math.fround(0.1), 'float32') }],
    ['another comparison of equal values', { mode: 'BRANCH_GTE' }],
    ['another way of missing values', { missing: 1 }],
    ['another weight', { weight: 2.0001 }],
  ])('finds %s', async (_, change) => {
    expect(await proof(change)).toMatchObject({ difference: "output 'y' differs" });
  });

  it('compares rows one by one where the model refuses one of them', async () => {
    const refusing = (inputs: TensorMap, rows: number) =>
      rows > 1 ? Promise.reject(new Error('a row is refused')) : session.run(inputs, ['y']);
    expect(await proof({}, refusing)).toEqual({ rows: 8 * 64 + 2 * 3 });
  });

  it('finds a row that only one of the two refuses', async () => {
    const refusing = () => Promise.reject(new Error('every row is refused'));
    expect(await proof({}, refusing)).toEqual({ rows: 0, difference: 'onnxruntime alone refuses a row' });
  });
});
