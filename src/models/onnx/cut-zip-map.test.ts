import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cutZipMaps } from './cut-zip-map.js';
import { graphSignature } from './graph-signature.js';
import { readOnnxGraph } from './read-graph.js';

const models = new URL('../../../test/fixtures/models/', import.meta.url);
const bytesOf = (file: string) => readFileSync(fileURLToPath(new URL(file, models)));

function cut(file: string) {
  const bytes = bytesOf(file);
  const before = readOnnxGraph(bytes);
  const model = cutZipMaps(bytes, before);
  return { bytes, before, model, after: readOnnxGraph(model.bytes) };
}

describe('cutZipMaps', () => {
  it('gives back the very bytes of a model without ZipMap', () => {
    const { bytes, model } = cut('forest-strings.onnx');
    expect(model.bytes).toBe(bytes);
    expect(model.zipMaps).toEqual([]);
  });

  it.each([
    ['zipmap-ints.onnx', 'output_probability', [0, 1, 2]],
    ['zipmap-strings.onnx', 'output_probability', ['setosa', 'versicolor', 'virginica']],
  ])('makes the map of %s a float tensor of the same name, and keeps its classes', (file, output, classes) => {
    const { before, model, after } = cut(file);
    expect(model.zipMaps).toEqual([{ output, classes }]);
    expect(before.outputs.find(({ name }) => name === output)?.kind).toBe('sequence');
    expect(after.outputs.find(({ name }) => name === output)).toMatchObject({
      kind: 'tensor',
      elementType: 1,
      dims: null,
    });
    expect(after.nodes.map(({ opType }) => opType)).toEqual(
      before.nodes.map(({ opType }) => (opType === 'ZipMap' ? 'Identity' : opType)),
    );
    expect(graphSignature(after, model.zipMaps).outputs.at(-1)).toEqual({
      name: output,
      type: 'float32',
      dims: [null, 3],
    });
  });

  it('keeps every other byte of the file', () => {
    const { bytes, model } = cut('zipmap-strings.onnx');
    const node = Buffer.from('classlabels_strings');
    const classifier = bytes.indexOf('LinearClassifier');
    expect(classifier).toBeGreaterThan(0);
    const kept = bytes.subarray(classifier - 100, bytes.indexOf('ZipMap') - 60);
    expect(Buffer.from(model.bytes).includes(kept)).toBe(true);
    expect(Buffer.from(model.bytes).indexOf(node)).toBe(Buffer.from(model.bytes).lastIndexOf(node));
  });

  it('imports the standard’s operator set where the model has none', () => {
    const { before, after } = cut('zipmap-ml-domain-only.onnx');
    expect(before.opsets).toEqual([{ domain: 'ai.onnx.ml', version: 3 }]);
    expect(after.opsets).toEqual([...before.opsets, { domain: '', version: 13 }]);
  });

  it('cuts each of several', () => {
    const { model, after } = cut('zipmap-twice.onnx');
    expect(model.zipMaps.map(({ output }) => output)).toEqual(['first', 'second']);
    expect(after.outputs.map(({ kind }) => kind)).toEqual(['tensor', 'tensor', 'tensor', 'tensor']);
  });
});

describe('graphSignature', () => {
  it.each([
    ['forest-strings.onnx', 'classifier', ['setosa', 'versicolor', 'virginica']],
    ['naive-bayes.onnx', 'classifier', ['setosa', 'versicolor', 'virginica']],
    ['nearest-neighbours.onnx', 'classifier', [0, 1, 2]],
    ['string-input.onnx', 'classifier', [0, 1]],
    ['boosted-regressor.onnx', 'regressor', undefined],
    ['half-plus-two.onnx', 'regressor', undefined],
    ['multi-output.onnx', 'other', undefined],
  ])('knows what the outputs of %s mean', (file, kind, classes) => {
    const { after, model } = cut(file);
    const signature = graphSignature(after, model.zipMaps);
    expect(signature.kind).toBe(kind);
    expect(signature.classes).toEqual(classes);
  });
});
