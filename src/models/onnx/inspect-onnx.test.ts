import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectOnnx } from './inspect-onnx.js';
import { WireWriter } from './wire-writer.js';

/** A value: field numbers of ValueInfoProto and TypeProto. */
function value(name: string, type?: Uint8Array): Uint8Array {
  const writer = new WireWriter().string(1, name);
  return (type === undefined ? writer : writer.bytes(2, type)).finish();
}
const float = new WireWriter().bytes(1, new WireWriter().integer(1, 1).finish()).finish();
const elements = (number: number) => new WireWriter().bytes(1, new WireWriter().integer(1, number).finish()).finish();
const kind = (field: number) => new WireWriter().bytes(field, new Uint8Array()).finish();

function model(inputs: Uint8Array[], outputs: Uint8Array[], more?: (graph: WireWriter) => void): Uint8Array {
  const graph = new WireWriter();
  for (const input of inputs) graph.bytes(11, input);
  for (const output of outputs) graph.bytes(12, output);
  more?.(graph);
  return new WireWriter().integer(1, 8).bytes(7, graph.finish()).finish();
}

/** A TensorProto whose data are in another file. */
function external(location: string): Uint8Array {
  const entry = new WireWriter().string(1, 'location').string(2, location).finish();
  return new WireWriter().string(8, 'w').integer(2, 1).bytes(13, entry).integer(14, 1).finish();
}

describe('inspectOnnx', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'inspect-'));
    await writeFile(path.join(folder, 'w.bin'), '');
  });
  afterAll(() => rm(folder, { recursive: true }));
  const problems = async (bytes: Uint8Array) => (await inspectOnnx(bytes, folder)).problems;

  it('names every problem at once', async () => {
    expect(await problems(model([], []))).toEqual(['the graph has no inputs', 'the graph has no outputs']);
    expect(await problems(model([value('x', float)], [value('y', kind(9)), value('z')]))).toEqual([
      "input 'x' has no dimension for the rows: export it with the shape [N, …]",
      "output 'y' is an optional value, which cannot be served: export it as a tensor",
      "output 'z' is of no stated type, which cannot be served: export it as a tensor",
    ]);
  });

  it.each([
    [kind(4), 'a sequence'],
    [kind(5), 'a map'],
    [kind(8), 'a sparse tensor'],
    [elements(16), 'a tensor of element type bfloat16'],
    [elements(77), 'a tensor of element type number 77'],
  ])('calls an input by its type', async (type, words) => {
    const [problem] = await problems(model([value('x', type)], [value('y', float)]));
    expect(problem).toBe(`input 'x' is ${words}, which cannot be fed from features`);
  });

  it('finds external data wherever a tensor may be: initializers, attributes, subgraphs, sparse ones', async () => {
    const node = (attribute: Uint8Array) => new WireWriter().bytes(5, attribute).finish();
    const places: ((graph: WireWriter) => void)[] = [
      (graph) => graph.bytes(5, external('../a')),
      (graph) => graph.bytes(15, new WireWriter().bytes(1, external('../a')).finish()),
      (graph) => graph.bytes(1, node(new WireWriter().bytes(5, external('../a')).finish())),
      (graph) => graph.bytes(1, node(new WireWriter().bytes(10, external('../a')).finish())),
      (graph) => {
        const body = new WireWriter().bytes(5, external('../a')).finish();
        graph.bytes(1, node(new WireWriter().bytes(6, body).finish()));
      },
    ];
    for (const place of places) {
      const found = await problems(model([value('x', float)], [value('y', float)], place));
      expect(found).toContainEqual(expect.stringContaining("the data of tensor 'w' are in '../a', which is outside"));
    }
  });

  it.each([
    ['w.bin', undefined],
    ['./w.bin', undefined],
    ['', 'which is no file name'],
    ['w\0.bin', 'which is no file name'],
    ['.', 'which is outside'],
    ['a/../../b', 'which is outside'],
    ['..', 'which is outside'],
    ['/etc/hostname', 'which is outside'],
    ['absent.bin', 'which cannot be read'],
  ])('judges the location %j', async (location, words) => {
    const bytes = model([value('x', float)], [value('y', float)], (graph) => graph.bytes(5, external(location)));
    const found = (await problems(bytes)).filter((problem) => problem.includes("tensor 'w'"));
    expect(found).toEqual(words === undefined ? [] : [expect.stringContaining(words)]);
  });
});
