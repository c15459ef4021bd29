import { describe, expect, it } from 'vitest';
import { randomTrees, type RandomTrees } from '../../../test/support/onnx/random-trees.js';
import { inspectOnnx } from '../onnx/inspect-onnx.js';
import type { Tensor, TensorMap } from '../runtime.js';
import { seededRandom } from '../runtimes/onnx/sample-inputs.js';
import { openSession } from '../runtimes/onnx/session.js';
import { compileGraph } from './compile-graph.js';
import { nextDown, nextUp } from './trees/next-float.js';

const rows = 24;
const wild = [NaN, NaN, Infinity, -Infinity, 0, -0, 1e30, 1, 2, 3, 5, 7];

/** Rows of wild values, numbers, and above all thresholds, exactly and one step beside. */
function rowsFor({ thresholds, features, doubles }: RandomTrees, random: () => number): TensorMap {
  const type = doubles ? 'float64' : 'float32';
  const pick = () => {
    const kind = random();
    if (kind < 0.25) return wild[Math.floor(random() * wild.length)]!;
    if (kind < 0.4) return (random() - 0.5) * 100;
    const threshold = thresholds[Math.floor(random() * thresholds.length)]!;
    return kind < 0.6 ? threshold : kind < 0.8 ? nextUp(threshold, type) : nextDown(threshold, type);
  };
  const numbers = Array.from({ length: rows * features }, pick);
  const data = doubles ? Float64Array.from(numbers) : Float32Array.from(numbers);
  return { x: { type, dims: [rows, features], data } };
}

function differences(want: Tensor, got: Tensor, exact: boolean): string[] {
  const found: string[] = [];
  if (want.type !== got.type || want.dims.join() !== got.dims.join()) found.push(`${got.type} [${got.dims.join()}]`);
  for (let at = 0; at < want.data.length; at++) {
    const [a, b] = [want.data[at], got.data[at]];
    if (a === b || Object.is(a, b)) continue;
    const close =
      typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a)) && !exact;
    if (!close) found.push(`[${at}] is ${b}, not ${a}`);
  }
  return found;
}

/** Ensembles in a group, of groups: together 1,000. */
const group = 50;

describe('compiled trees against onnxruntime', () => {
  it.each(Array.from({ length: 20 }, (_, at) => at * group))(
    'agree on random ensembles %i and on',
    { timeout: 120_000 },
    async (first) => {
      let compared = 0;
      for (let seed = first; seed < first + group; seed++) {
        const random = seededRandom(seed);
        const drawn = randomTrees(random);
        const { graph, signature, bytes } = await inspectOnnx(drawn.bytes, '/');
        const compilation = compileGraph(graph, signature);
        if ('reason' in compilation) {
          expect(compilation.reason, drawn.words).toMatch(/one base value/);
          continue;
        }
        const session = await openSession({ bytes, folder: '/' });
        const inputs = rowsFor(drawn, random);
        const want = await session.run(
          inputs,
          signature.outputs.map(({ name }) => name),
        );
        await session.release();
        const got = compilation.compiled.run(inputs, rows);
        for (const [name, tensor] of Object.entries(want)) {
          // Sums without a transform are equal to the last bit: the same leaves, added in the same order.
          const exact = drawn.words.includes('NONE') || drawn.words.includes('transform 0');
          expect(differences(tensor, got[name]!, exact), `${seed}: ${name} of ${drawn.words}`).toEqual([]);
        }
        compared++;
      }
      expect(compared).toBeGreaterThan(group * 0.8);
    },
  );
});
