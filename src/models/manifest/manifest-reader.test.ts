import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { problemText } from '../version-problem.js';
import { ManifestReader } from './manifest-reader.js';

const reader = new ManifestReader();
const problems = (text: string) => reader.read(text).problems.map(problemText);

describe('a model.yaml', () => {
  it('may be empty', () => {
    expect(reader.read('')).toMatchObject({ manifest: {}, problems: [] });
  });

  it('fills in what a feature leaves out', () => {
    const { features, problems: found } = reader.read(
      'features:\n  - {name: a, type: integer, from: applicant_profile.credit.score, default: 3}\n',
    );
    expect(found).toEqual([]);
    expect(features).toEqual([
      {
        name: 'a',
        type: 'integer',
        nullable: false,
        pii: false,
        default: 3,
        from: { view: 'applicant_profile', feature: 'credit.score' },
      },
    ]);
  });

  it.each(['mortgage_denial/1.1.0', 'diabetes/1', 'digits/1.0.0', 'penguins/1.0.0'])(
    'of the example %s is good',
    (name) => {
      expect(problems(readFileSync(`examples/models/${name}/model.yaml`, 'utf8'))).toEqual([]);
    },
  );

  it('lists every problem at once, each with its line', () => {
    const text = [
      'features:',
      '  - {name: a, type: nmber}',
      '  - {name: a, type: number, defualt: 3}',
      '  - {type: number}',
      '  - {name: b, type: number, min: 5, max: 3}',
      'inputs: {x: 3}',
      'confidense: a',
    ].join('\n');
    expect(problems(text)).toEqual([
      'model.yaml:7 confidense: is not a known key; did you mean confidence?',
      'model.yaml:2 features[0].type: must be one of number, integer, boolean, string; did you mean number?',
      'model.yaml:3 features[1].defualt: is not a known key; did you mean default?',
      'model.yaml:4 features[2]: needs the key name',
      "model.yaml:6 inputs.x: must be one feature's name, or a list of names: the columns of the tensor, in order",
      'model.yaml:3 features[1].name: is the same name as features[0]',
      'model.yaml:5 features[3].min: is above max: 5 > 3',
    ]);
  });

  it.each([
    ['a duplicate key', 'description: a\ndescription: b', /model.yaml:2: Map keys must be unique/],
    ['no mapping', '- 1', /must be an object, not an array/],
    ['a wrong kind', 'features: 3', /model.yaml:1 features: must be an array, not an integer/],
    ['an unheard-of key', 'zzzzzzzzzz: 1', /is not a known key \(known: description, runtime/],
    ['from without view', 'features: [{name: a, type: number, from: credit}]', /<feature view>.<feature>/],
    ['too many aliases', `a: &a [1]\nb: &b [${'*a,'.repeat(20)}]\nc: [${'*b,'.repeat(20)}]`, /alias/i],
    ['an empty list', 'features: []', /must NOT have fewer than 1 items/],
    [
      'an unknown example feature',
      'features: [{name: age, type: number}]\nexamples: [{features: {aeg: 1}}]',
      /did you mean age\?/,
    ],
  ])('with %s is refused', (_, text, message) => {
    expect(problems(text).join('\n')).toMatch(message);
  });

  it.each([
    [
      'min and max of text',
      '{name: a, type: string, min: 1, max: 2}',
      ['min: does not go with type string', 'max: does not go with type string'],
    ],
    ['an enum of booleans', '{name: a, type: boolean, enum: [1]}', ['enum: does not go with type boolean']],
    ['an enum that repeats', '{name: a, type: string, enum: [x, x]}', ['enum: holds a value twice']],
    [
      'an enum of another type',
      '{name: a, type: integer, enum: [1, x]}',
      ['enum: holds "x", which type, min and max do not allow'],
    ],
    [
      'an enum beyond max',
      '{name: a, type: integer, max: 3, enum: [1, 4]}',
      ['enum: holds 4, which type, min and max do not allow'],
    ],
    [
      'a default of another type',
      '{name: a, type: integer, default: 3.5}',
      ['default: does not fit the feature (wrong_type): expected integer'],
    ],
    [
      'a default outside of its range',
      '{name: a, type: number, min: 0, max: 1, default: 2}',
      ['default: does not fit the feature (out_of_range): expected number between 0 and 1'],
    ],
    [
      'a default outside of its enum',
      '{name: a, type: string, enum: [x], default: y}',
      ['default: does not fit the feature (not_in_enum): expected string, one of: x'],
    ],
    [
      'a null default',
      '{name: a, type: number, default: null}',
      ['default: does not fit the feature (not_nullable): expected number'],
    ],
    [
      'a default of another shape',
      '{name: a, type: number, shape: [3], default: [1, 2]}',
      ['default: does not fit the feature (wrong_shape): expected array of number, shape [3]'],
    ],
    [
      'a stored array',
      '{name: a, type: number, shape: [3], from: v.a}',
      ['from: does not go with shape: stored features are scalars'],
    ],
    [
      'a vast shape',
      '{name: a, type: number, shape: [2000, 2000]}',
      ['shape: is 4000000 elements; at most 1000000 are taken'],
    ],
    [
      '__proto__ for a name',
      '{name: __proto__, type: number}',
      ['name: must not be __proto__, which requests may not hold'],
    ],
    ['NUL in its name', '{name: "a\\0", type: number}', ['name: must not hold NUL']],
  ])('with a feature of %s is refused', (_, feature, expected) => {
    expect(problems(`features:\n  - ${feature}\n`)).toEqual(
      expected.map((message) => `model.yaml:2 features[0].${message}`),
    );
  });
});
