import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../shared/errors.js';
import type { GraphSignature, TensorSpec, TensorType } from '../runtime.js';
import type { FeatureRow, FeatureSpec } from '../signature.js';
import type { RowOutputs } from '../tensor-types.js';
import { roundHalfAway } from './cel-math.js';
import { compileOutputMapper, type OutputMapperOptions } from './output-mapper.js';

const tensor = (name: string, type: TensorType, ...dims: (number | null)[]): TensorSpec => ({
  name,
  type,
  dims: [null, ...dims],
});
const classifier: GraphSignature = {
  inputs: [],
  outputs: [tensor('label', 'int64'), tensor('probabilities', 'float32', 2)],
  classes: [0, 1],
  kind: 'classifier',
};
const features: FeatureSpec[] = [
  { name: 'debt to income', type: 'number', nullable: false, pii: false },
  { name: 'age', type: 'integer', nullable: false, pii: false },
  { name: 'region', type: 'string', nullable: true, pii: false },
  { name: 'pixels', type: 'integer', shape: [2], nullable: false, pii: false },
];
const row: FeatureRow = [0.5, 3, null, [1, 2]];
const outputs: RowOutputs = { label: 1n, probabilities: [0.25, 0.75] };

function compile(options: Partial<OutputMapperOptions>) {
  return compileOutputMapper({ name: { modelId: 'm', version: '1' }, graph: classifier, features, ...options });
}
function mapper(options: Partial<OutputMapperOptions>) {
  const result = compile(options);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.mapper;
}
function faults(options: Partial<OutputMapperOptions>) {
  const result = compile(options);
  return 'faults' in result ? result.faults.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
}
const evaluate = (x: string, given = outputs) => mapper({ prediction: { x } }).map(given, row).prediction['x'];

describe('without expressions', () => {
  it('a classifier answers label and probabilities by class', () => {
    expect(mapper({}).map(outputs, row)).toEqual({
      prediction: { label: 1, probabilities: { '0': 0.25, '1': 0.75 } },
      confidence: 0.75,
    });
  });

  it('the manifest renames the classes by position', () => {
    expect(mapper({ classes: ['approved', 'denied'] }).map(outputs, row).prediction).toEqual({
      label: 'denied',
      probabilities: { approved: 0.25, denied: 0.75 },
    });
  });

  it('a plain network with named classes is a classifier, its label the most probable', () => {
    const graph: GraphSignature = { inputs: [], outputs: [tensor('p', 'float32', 2)], kind: 'other' };
    expect(mapper({ graph, classes: ['a', 'b'] }).map({ p: [0.9, 0.1] }, row)).toEqual({
      prediction: { label: 'a', probabilities: { a: 0.9, b: 0.1 } },
      confidence: 0.9,
    });
  });

  it('a regression answers value, of one or several targets', () => {
    const graph: GraphSignature = { inputs: [], outputs: [tensor('variable', 'float32', 1)], kind: 'regressor' };
    expect(mapper({ graph }).map({ variable: 1.5 }, row)).toEqual({ prediction: { value: 1.5 }, confidence: null });
    expect(mapper({ graph }).map({ variable: [1.5, 2] }, row).prediction).toEqual({ value: [1.5, 2] });
  });

  it('anything else answers one key an output', () => {
    const graph: GraphSignature = {
      inputs: [],
      outputs: [tensor('a', 'float32', 2, 2), tensor('b-c', 'string')],
      kind: 'other',
    };
    const given: RowOutputs = {
      a: [
        [1, 2],
        [3, 4],
      ],
      'b-c': 'text',
    };
    expect(mapper({ graph }).map(given, row)).toEqual({
      prediction: {
        a: [
          [1, 2],
          [3, 4],
        ],
        'b-c': 'text',
      },
      confidence: null,
    });
  });

  it('a multi-label classifier answers one key an output, too', () => {
    const graph: GraphSignature = {
      inputs: [],
      outputs: [tensor('label', 'int64', 2), tensor('p', 'float32', 2), tensor('q', 'float32', 2)],
      kind: 'classifier',
    };
    expect(mapper({ graph }).map({ label: [0n, 1n], p: [0.1, 0.9], q: [1, 0] }, row)).toEqual({
      prediction: { label: [0, 1], p: [0.1, 0.9], q: [1, 0] },
      confidence: null,
    });
  });

  it('classes must be as many as the graph has, and differ', () => {
    expect(faults({ classes: ['a'] })).toEqual(['classes: names 1 classes; the graph has 2']);
    expect(faults({ classes: ['a', 'a'] })).toEqual(['classes: names a class twice']);
  });
});

describe('an expression', () => {
  it.each([
    ['probabilities[1]', 0.75],
    ['int(math.round(probabilities[1] * 100.0))', 75],
    ['outputs["probabilities"][0]', 0.25],
    ['outputs.label', 1],
    ['label', 1],
    ['features["debt to income"] * 2.0', 1],
    ['double(features["age"]) / 2.0', 1.5],
    ['features["region"] == null', true],
    ['features["pixels"]', [1, 2]],
    ['classes[label]', 1],
    ['probabilities.map(p, p > 0.5)', [false, true]],
    ['{"top": math.greatest(probabilities), "n": size(probabilities)}', { top: 0.75, n: 2 }],
    ['{1: "a"}', { '1': 'a' }],
    ['null', null],
    ['9007199254740992', 2 ** 53],
    ['[math.least(3, 1, 2), math.greatest(1.5, 2.5), math.abs(-3), math.sum([1, 2])]', [1, 2.5, 3, 3]],
    [
      '[math.floor(1.5), math.ceil(1.5), math.trunc(-1.5), math.sign(-2.0), math.sqrt(4.0), math.pow(2.0, 3.0)]',
      [1, 2, -1, -1, 2, 8],
    ],
    [
      '[math.exp(0.0), math.log(1.0), math.log2(8.0), math.log10(100.0), math.tanh(0.0), math.abs(-1.5)]',
      [1, 0, 3, 2, 0, 1.5],
    ],
    ['[math.mean(probabilities), math.sum(probabilities)]', [0.5, 1]],
    ['math.argmax(probabilities)', 1],
    ['math.isNaN(probabilities[0]) || !math.isFinite(probabilities[0])', false],
    ['math.least(probabilities) < 0.5 ? "low" : "high"', 'low'],
  ])('%s gives %j', (expression, expected) => {
    expect(evaluate(expression)).toEqual(expected);
  });

  it.each([
    ['probabilities[1] * 100', /overload: double \* int at 1 of .*write 100.0 for 100, or double\(…\)/],
    ['label * 0.5', /int \* double.*double\(…\) around the int/],
    ['probabilites[1]', /Unknown variable: probabilites at 1 .*did you mean probabilities\?/],
    ['features["aeg"]', /No such key: aeg.*did you mean age\?/],
    ['features[classes[0]]', /./],
    ['wholly_different', /outputs are: label, probabilities/],
    ['1 +', /Unexpected token/],
    ['math.cosine(1.0)', /no matching overload/],
    ['1u', /gives uint, which has no JSON form; use int\(…\)/],
    ['b"abc"', /gives bytes, which has no JSON form/],
    ['features', /./],
    ['math', /gives Math/],
  ])('%s is refused at load', (x, message) => {
    const [fault] = faults({ prediction: { x } });
    expect(fault).toMatch(/^prediction\.x: /);
    expect(fault).toMatch(message);
  });

  it('that is wrong does not hide the next', () => {
    expect(faults({ prediction: { a: 'x', b: '1 +', ok: 'label' }, confidence: '"much"' })).toHaveLength(3);
  });

  it.each<[string, string, RowOutputs?]>([
    ['NaN', 'math.sqrt(-1.0)'],
    ['infinity', '1.0 / 0.0'],
    ['an integer beyond 2^53', '9007199254740993'],
    ['NaN of the model', 'probabilities', { label: 0n, probabilities: [NaN, 1] }],
    ['an index out of bounds', 'probabilities[5]'],
    ['a division by zero', '1 / (label - 1)'],
    ['an empty list', 'math.greatest(probabilities.filter(p, p > 2.0))'],
  ])('that gives %s is an INTERNAL_ERROR that names the model', (_, x, given = outputs) => {
    const compiled = mapper({ prediction: { x }, confidence: 'null' });
    const attempt = () => compiled.map(given, row);
    expect(attempt).toThrow(ServiceError);
    expect(attempt).toThrow(/^Model 'm' 1 gave no usable prediction: /);
  });

  it('reports the features that it reads', () => {
    expect(mapper({ prediction: { x: 'features.age' } }).usedFeatures).toEqual(new Set(['age']));
  });
});

describe('confidence', () => {
  it.each<[string, number | null]>([
    ['math.greatest(probabilities)', 0.75],
    ['1', 1],
    ['null', null],
    ['1.0000001', 1],
  ])('%s is %j', (confidence, expected) => {
    expect(mapper({ confidence }).map(outputs, row).confidence).toBe(expected);
  });

  it.each(['1.5', '-0.1', '0.0 / 0.0'])('%s is an INTERNAL_ERROR', (confidence) => {
    expect(() => mapper({ confidence }).map(outputs, row)).toThrow(/confidence is/);
  });

  it('must be a number', () => {
    expect(faults({ confidence: '"high"' })[0]).toMatch(/gives string; a number in 0…1 is needed/);
  });
});

it('rounds halves away from zero', () => {
  expect([0.5, -0.5, 1.5, 2.5, 0.49999999999999994, -2.4].map(roundHalfAway)).toEqual([1, -1, 2, 3, 0, -2]);
});
