import { describe, expect, it } from 'vitest';
import {
  modelBytes,
  type AttributeSource,
  type ModelSource,
  type TensorSource,
} from '../../../test/support/onnx/model-bytes.js';
import { inspectOnnx } from '../onnx/inspect-onnx.js';
import type { TensorMap } from '../runtime.js';
import { openSession } from '../runtimes/onnx/session.js';
import { differenceOf } from './compare-rows.js';
import { compileGraph } from './compile-graph.js';

const float = 1;
const bool = 9;
const int64 = 7;
const text = 8;
const ml = 'ai.onnx.ml';
const column = (name: string, type: number, ...dims: (number | null)[]) => ({ name, type, dims: [null, ...dims] });
const floats = (...data: number[]): TensorSource => ({ type: 1, dims: [data.length], data });
const matrix = (dims: number[], data: number[]): TensorSource => ({ type: 1, dims, data });
const integers = (...data: number[]): TensorSource => ({ type: 7, dims: [data.length], data });

const x: TensorMap = {
  x: { type: 'float32', dims: [4, 3], data: Float32Array.of(1, -2, 3, 0.5, 0, -0.25, 7, 8, 9, -1, 1e-3, 100) },
};

interface Graph extends Partial<ModelSource> {
  readonly inputs?: ModelSource['inputs'];
  readonly feeds?: TensorMap;
}

/** One operator over x [N, 3]. */
function operator(
  op: string,
  outputs: ModelSource['outputs'],
  given: {
    domain?: string;
    parameters?: Record<string, TensorSource>;
    attributes?: Record<string, AttributeSource>;
  } = {},
): Graph {
  const { domain = '', parameters = {}, attributes = {} } = given;
  const inputs = ['x', ...Object.keys(parameters)];
  return {
    nodes: [{ op, domain, inputs, outputs: outputs.map(({ name }) => name), attributes }],
    outputs,
    initializers: parameters,
  };
}

async function compiled({ feeds: _, ...graph }: Graph) {
  const bytes = modelBytes({ inputs: [column('x', float, 3)], nodes: [], outputs: [], ...graph });
  const inspection = await inspectOnnx(bytes, '/');
  return { ...inspection, compilation: compileGraph(inspection.graph, inspection.signature) };
}

const y = (...dims: number[]) => [column('y', float, ...dims)];
const flags = [column('y', bool, 3)];

describe('compiled operators against onnxruntime', () => {
  it.each<[string, Graph]>([
    ...['Add', 'Sub', 'Mul', 'Div'].map((op): [string, Graph] => [
      op,
      operator(op, y(3), { parameters: { p: floats(2, -3, 0.5) } }),
    ]),
    ['Pow', operator('Pow', y(3), { parameters: { p: floats(2) } })],
    ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'].map((op): [string, Graph] => [
      op,
      operator(op, flags, { parameters: { p: floats(1, 0, 3) } }),
    ]),
    ...['Relu', 'LeakyRelu', 'Tanh', 'Sigmoid', 'Abs', 'Neg'].map((op): [string, Graph] => [op, operator(op, y(3))]),
    ['Clip', operator('Clip', y(3), { parameters: { low: matrix([], [-0.5]), high: matrix([], [2]) } })],
    ['IsNaN', operator('IsNaN', flags)],
    ['Cast', operator('Cast', [column('y', int64, 3)], { attributes: { to: { int: 7 } } })],
    ['Flatten', operator('Flatten', y(3))],
    ['Reshape', operator('Reshape', y(3, 1), { parameters: { shape: integers(0, -1, 1) } })],
    ['Unsqueeze', operator('Unsqueeze', y(1, 3), { parameters: { axes: integers(1) } })],
    ['Gather', operator('Gather', y(2), { parameters: { places: integers(2, 0) }, attributes: { axis: { int: 1 } } })],
    ['ArgMax', operator('ArgMax', [column('y', int64, 1)], { attributes: { axis: { int: 1 } } })],
    ['Softmax', operator('Softmax', y(3))],
    ['MatMul', operator('MatMul', y(2), { parameters: { w: matrix([3, 2], [1, 2, 3, 4, 5, 6]) } })],
    ['MatMul, many outputs', operator('MatMul', y(5), { parameters: { w: matrix([3, 5], [...Array(15).keys()]) } })],
    [
      'Gemm',
      operator('Gemm', y(2), {
        parameters: { w: matrix([2, 3], [1, 2, 3, 4, 5, 6]), b: floats(0.5, -0.5) },
        attributes: { transB: { int: 1 } },
      }),
    ],
    ['ReduceSum', operator('ReduceSum', y(1), { parameters: { axes: integers(1) } })],
    [
      'ReduceMean',
      operator('ReduceMean', [column('y', float)], { attributes: { axes: { ints: [1] }, keepdims: { int: 0 } } }),
    ],
    ['ReduceMax', operator('ReduceMax', y(1), { attributes: { axes: { ints: [1] } } })],
    ['ReduceSumSquare', operator('ReduceSumSquare', y(1), { attributes: { axes: { ints: [1] } } })],
    ['ReduceLogSumExp', operator('ReduceLogSumExp', y(1), { attributes: { axes: { ints: [1] } } })],
    [
      'Scaler',
      operator('Scaler', y(3), {
        domain: ml,
        attributes: { offset: { floats: [1, 2, 3] }, scale: { floats: [2, 2, 0.1] } },
      }),
    ],
    ['Binarizer', operator('Binarizer', y(3), { domain: ml, attributes: { threshold: { float: 0.5 } } })],
    [
      'Imputer',
      operator('Imputer', y(3), {
        domain: ml,
        attributes: { imputed_value_floats: { floats: [5, 6, 7] }, replaced_value_float: { float: 0 } },
      }),
    ],
    ...['MAX', 'L1', 'L2'].map((norm): [string, Graph] => [
      `Normalizer ${norm}`,
      operator('Normalizer', y(3), { domain: ml, attributes: { norm: { text: norm } } }),
    ]),
    [
      'FeatureVectorizer',
      operator('FeatureVectorizer', y(3), { domain: ml, attributes: { inputdimensions: { ints: [3] } } }),
    ],
    [
      'LinearRegressor',
      operator('LinearRegressor', y(2), {
        domain: ml,
        attributes: {
          coefficients: { floats: [1, 2, 3, 4, 5, 6] },
          intercepts: { floats: [1, -1] },
          targets: { int: 2 },
        },
      }),
    ],
    ...['NONE', 'LOGISTIC', 'SOFTMAX'].map((transform): [string, Graph] => [
      `LinearClassifier ${transform}`,
      operator('LinearClassifier', [column('label', int64), column('y', float, 2)], {
        domain: ml,
        attributes: {
          coefficients: { floats: [0.1, 0.2, 0.3, -0.1, 0.5, -0.2] },
          intercepts: { floats: [0.1, -0.1] },
          classlabels_ints: { ints: [5, 6] },
          post_transform: { text: transform },
        },
      }),
    ]),
  ])('%s', async (_, graph) => {
    const { compilation, signature, bytes } = await compiled(graph);
    if ('reason' in compilation) throw new Error(compilation.reason);
    const session = await openSession({ bytes, folder: '/' });
    const want = await session.run(
      x,
      signature.outputs.map(({ name }) => name),
    );
    await session.release();
    expect(differenceOf(want, compilation.compiled.run(x, 4), 0)).toBeUndefined();
  });

  it.each<[string, Graph, TensorMap]>([
    [
      'strings: one-hot with an unknown word, joined with numbers',
      {
        inputs: [column('s', text, 1), column('x', float, 1)],
        nodes: [
          {
            op: 'OneHotEncoder',
            domain: ml,
            inputs: ['s'],
            outputs: ['hot'],
            attributes: { cats_strings: { texts: ['a', 'b'] }, zeros: { int: 1 } },
          },
          { op: 'Reshape', inputs: ['hot', 'shape'], outputs: ['flat'] },
          { op: 'Concat', inputs: ['flat', 'x'], outputs: ['y'], attributes: { axis: { int: 1 } } },
        ],
        outputs: y(3),
        initializers: { shape: integers(-1, 2) },
      },
      {
        s: { type: 'string', dims: [3, 1], data: ['b', 'unknown', 'a'] },
        x: { type: 'float32', dims: [3, 1], data: Float32Array.of(1, 2, 3) },
      },
    ],
    [
      'labels: from text to number, and a choice between two texts',
      {
        inputs: [column('s', text, 1), column('flag', bool, 1)],
        nodes: [
          {
            op: 'LabelEncoder',
            domain: ml,
            inputs: ['s'],
            outputs: ['code'],
            attributes: {
              keys_strings: { texts: ['a', 'b'] },
              values_int64s: { ints: [4, 5] },
              default_int64: { int: 9 },
            },
          },
          { op: 'Not', inputs: ['flag'], outputs: ['unset'] },
          { op: 'Where', inputs: ['unset', 's', 's'], outputs: ['word'] },
        ],
        outputs: [column('code', int64, 1), column('word', text, 1)],
      },
      {
        s: { type: 'string', dims: [3, 1], data: ['b', 'unknown', 'a'] },
        flag: { type: 'bool', dims: [3, 1], data: Uint8Array.of(0, 1, 0) },
      },
    ],
  ])('%s', async (_, graph, feeds) => {
    const { compilation, signature, bytes } = await compiled(graph);
    if ('reason' in compilation) throw new Error(compilation.reason);
    const session = await openSession({ bytes, folder: '/' });
    const want = await session.run(
      feeds,
      signature.outputs.map(({ name }) => name),
    );
    await session.release();
    expect(differenceOf(want, compilation.compiled.run(feeds, 3), 0)).toBeUndefined();
  });
});

describe('graphs that are left to onnxruntime whole', () => {
  it.each<[string, Graph, RegExp]>([
    ['an unknown operator', operator('Erf', y(3)), /^Erf is not compiled$/],
    [
      'one known operator among unknown ones',
      {
        ...operator('Add', y(3), { parameters: { p: floats(1) } }),
        nodes: [
          { op: 'Add', inputs: ['x', 'p'], outputs: ['sum'] },
          { op: 'Erf', inputs: ['sum'], outputs: ['y'] },
        ],
      },
      /^Erf/,
    ],
    [
      'a large network',
      operator('MatMul', y(3000), { parameters: { w: matrix([3, 3000], Array<number>(9000).fill(1)) } }),
      /9000 multiplications/,
    ],
    [
      'a gather over the rows',
      operator('Gather', y(3), { parameters: { p: integers(0) }, attributes: { axis: { int: 0 } } }),
      /anything but columns/,
    ],
    ['a reduction over the rows', operator('ReduceSum', y(3), { parameters: { axes: integers(0) } }), /over the rows/],
    ['shapes that do not fit', operator('Add', y(3), { parameters: { p: floats(1, 2) } }), /do not fit/],
    ['an input without a width', { ...operator('Relu', y(3)), inputs: [column('x', float, null)] }, /no fixed width/],
    [
      'trees that are no trees',
      operator('TreeEnsembleRegressor', y(1), { domain: ml, attributes: { n_targets: { int: 1 } } }),
      /has no trees/,
    ],
  ])('%s', async (_, graph, reason) => {
    const { compilation } = await compiled(graph);
    expect(compilation).toEqual({ reason: expect.stringMatching(reason) });
  });
});
