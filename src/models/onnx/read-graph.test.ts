import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onnxElementType, type OnnxGraph } from './graph.js';
import { OnnxFormatError } from './onnx-format-error.js';
import { readOnnxGraph } from './read-graph.js';
import { WireWriter } from './wire-writer.js';

const models = new URL('../../../test/fixtures/models/', import.meta.url);
const bytesOf = (file: string) => readFileSync(fileURLToPath(new URL(file, models)));
const graphOf = (file: string): OnnxGraph => readOnnxGraph(bytesOf(file));

describe('readOnnxGraph', () => {
  it('reads operator sets, inputs, outputs and nodes', () => {
    const graph = graphOf('half-plus-two.onnx');
    expect(graph.irVersion).toBe(8);
    expect(graph.opsets).toEqual([{ domain: '', version: 15 }]);
    expect(graph.inputs).toEqual([
      { name: 'x', kind: 'tensor', elementType: onnxElementType.float32, dims: [null, 1] },
    ]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['y']);
    expect(graph.nodes.map(({ name, opType, inputs, outputs }) => [name, opType, inputs, outputs])).toEqual([
      ['halve', 'Mul', ['x', 'half'], ['h']],
      ['add_two', 'Add', ['h', 'two'], ['y']],
    ]);
    expect(graph.initializers.get('half')?.data()).toEqual(Float32Array.of(0.5));
  });

  it.each([
    ['float32', Float32Array.of(1, 0, 1)],
    ['float64', Float64Array.of(1, 0, 1)],
    ['int8', Int8Array.of(1, 0, 1)],
    ['int16', Int16Array.of(1, 0, 1)],
    ['int32', Int32Array.of(1, 0, 1)],
    ['int64', BigInt64Array.of(1n, 0n, 1n)],
    ['uint8', Uint8Array.of(1, 0, 1)],
    ['uint16', Uint16Array.of(1, 0, 1)],
    ['uint32', Uint32Array.of(1, 0, 1)],
    ['uint64', BigUint64Array.of(1n, 0n, 1n)],
    ['bool', Uint8Array.of(1, 0, 1)],
  ])('decodes %s tensors from typed fields and from raw data', (type, data) => {
    const { initializers } = graphOf('initializers.onnx');
    expect(initializers.get(`t_${type}`)?.data()).toEqual(data);
    expect(initializers.get(`r_${type}`)?.data()).toEqual(data);
  });

  it('decodes text, float16 and negative 64-bit integers', () => {
    const { initializers } = graphOf('initializers.onnx');
    expect(initializers.get('t_string')?.data()).toEqual(['a', 'é', '']);
    expect(initializers.get('r_float16')?.data()).toEqual(Uint16Array.of(0x3c00, 0, 0x3c00));
    expect(initializers.get('t_negative')?.data()).toEqual(BigInt64Array.of(-1n, -(2n ** 62n)));
  });

  it('reads attributes of every type', () => {
    const { attributes } = graphOf('initializers.onnx').nodes[0] ?? { attributes: new Map() };
    const values = Object.fromEntries([...attributes].map(([name, attribute]) => [name, attribute.value]));
    expect(values).toMatchObject({
      f: Math.fround(0.1),
      i: -(2n ** 60n),
      s: 'text',
      floats: Float32Array.of(0.5, -1.5),
      ints: BigInt64Array.of(1n, -2n),
      strings: ['a', 'b'],
    });
    expect(values['t'].data()).toEqual(Float32Array.of(7));
    expect(
      graphOf('busy.onnx')
        .nodes.find((node) => node.opType === 'Loop')
        ?.attributes.get('body')?.type,
    ).toBe('graph');
  });

  it('reads the attributes of a forest', () => {
    const forest = graphOf('forest-strings.onnx').nodes.find((node) => node.opType === 'TreeEnsembleClassifier');
    const features = forest?.attributes.get('nodes_featureids')?.value as BigInt64Array;
    const values = forest?.attributes.get('nodes_values')?.value as Float32Array;
    const modes = forest?.attributes.get('nodes_modes')?.value as string[];
    expect(features.length).toBeGreaterThan(10);
    expect(values).toHaveLength(features.length);
    expect(new Set(modes)).toEqual(new Set(['BRANCH_LEQ', 'LEAF']));
    expect([...features].every((feature) => feature >= 0n && feature < 4n)).toBe(true);
  });

  it('tells external data and does not decode them', () => {
    const graph = graphOf('external-data-good/model.onnx');
    expect(graph.externalData).toEqual([{ tensor: 'weights', location: 'weights.bin' }]);
    expect(() => graph.initializers.get('weights')?.data()).toThrow(
      "keeps the data of tensor 'weights' in another file",
    );
  });

  it.each([
    ['PK\x03\x04rest', 'zip archive'],
    ['\x89HDF\r\n', 'HDF5'],
    ['\x1f\x8b\x08', 'gzip'],
    ['tree\nversion=v4', 'LightGBM'],
    ['{"learner": 1}', 'JSON'],
    ['version https://git-lfs.github.com', 'git lfs pull'],
    ['', 'is empty'],
    ['\x08\x08', 'holds no graph'],
    ['hello', 'is not an ONNX file'],
    ['\x0a\x00', 'is not an ONNX file'],
  ])('says what %j is', (text, words) => {
    expect(() => readOnnxGraph(Buffer.from(text, 'latin1'))).toThrow(words);
  });

  it('refuses a file cut at any byte, or reads a whole beginning of it', () => {
    const bytes = bytesOf('zipmap-strings.onnx');
    for (let length = 0; length < bytes.length; length++) {
      try {
        readOnnxGraph(bytes.subarray(0, length));
      } catch (error) {
        if (!(error instanceof OnnxFormatError)) throw error;
      }
    }
    expect(() => readOnnxGraph(bytes.subarray(0, bytes.length - 60))).toThrow(/is truncated/);
  });

  it('never fails otherwise than with OnnxFormatError, whatever bytes are changed', () => {
    for (const file of ['zipmap-strings.onnx', 'initializers.onnx', 'busy.onnx', 'external-data-good/model.onnx']) {
      const bytes = bytesOf(file);
      const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }));
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
          const changed = Uint8Array.from(bytes);
          for (const [at, value] of changes) changed[at] = value;
          try {
            readEverything(readOnnxGraph(changed));
          } catch (error) {
            if (!(error instanceof OnnxFormatError)) throw error;
          }
        }),
        { numRuns: 300 },
      );
    }
  });

  it('refuses two graphs, graphs nested without end, and tensors of impossible sizes', () => {
    const graph = new WireWriter().string(2, 'g').finish();
    const two = new WireWriter().integer(1, 8).bytes(7, graph).bytes(7, graph).finish();
    expect(() => readOnnxGraph(two)).toThrow('holds two graphs');
    let nested = graph;
    for (let depth = 0; depth < 40; depth++) {
      const attribute = new WireWriter().string(1, 'body').bytes(6, nested).integer(20, 5).finish();
      nested = new WireWriter().bytes(1, new WireWriter().bytes(5, attribute).finish()).finish();
    }
    expect(() => readOnnxGraph(new WireWriter().integer(1, 8).bytes(7, nested).finish())).toThrow('deeper than 32');
    const tensor = (dims: number[], type: number) => {
      const writer = new WireWriter().string(8, 't').integer(2, type);
      for (const dim of dims) writer.integer(1, dim);
      const model = new WireWriter().integer(1, 8).bytes(7, new WireWriter().bytes(5, writer.finish()).finish());
      return readOnnxGraph(model.finish()).initializers.get('t');
    };
    expect(() => tensor([2 ** 40], 1)?.data()).toThrow('impossible size');
    expect(() => tensor([3], 1)?.data()).toThrow("gives tensor 't' 0 elements where its dims say 3");
    expect(() => tensor([0], 99)?.data()).toThrow('unknown element type 99');
  });
});

function readEverything(graph: OnnxGraph): void {
  for (const tensor of graph.initializers.values()) tensor.data();
  for (const node of graph.nodes) for (const attribute of node.attributes.values()) void attribute.value;
}
