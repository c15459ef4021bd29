import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeVersion, feature } from '../../test/support/fakes.js';
import { FeaturePlans } from './feature-plan.js';
import { featuresTexts } from './features-text.js';

const planOf = (...features: Parameters<typeof feature>[]) =>
  new FeaturePlans(new Map()).of(fakeVersion(features.map((given) => feature(...given))));
const numbers = planOf(['a'], ['b', { shape: [2] }]);
const cut = (body: string, plan = numbers) => featuresTexts(body, plan, 1)?.[0];

describe('the text of features', () => {
  it('cuts the object out as it stands', () => {
    expect(cut('{"model_id":"m","features" : {"a": 1.0, "b":[1,2] },"options":{}}')).toBe('{"a": 1.0, "b":[1,2] }');
  });

  it.each([
    ['a backslash anywhere', '{"model_id":"m","features":{"a":1},"x":"\\n"}'],
    ['a second "features"', '{"entities":{"features":"x"},"features":{"a":1}}'],
    ['none', '{"model_id":"m"}'],
    ['another value', '{"features":null,"x":{"a":1}}'],
  ])('cuts nothing where there is %s', (_, body) => {
    expect(cut(body)).toBeUndefined();
  });

  it('cuts nothing where names or values may hold braces', () => {
    expect(cut('{"features":{"a":"}"}}', planOf(['a', { type: 'string' }]))).toBeUndefined();
    expect(cut('{"features":{"a}":1}}', planOf(['a}']))).toBeUndefined();
  });

  it('says what JSON.parse says, or nothing, whatever surrounds the features', () => {
    const features = fc.record({ a: fc.double({ noNaN: true, noDefaultInfinity: true }), b: fc.array(fc.integer()) });
    const rest = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.constant('"features"'), fc.object()));
    fc.assert(
      fc.property(features, rest, fc.boolean(), (given, others, first) => {
        const whole = first ? { features: given, ...others } : { ...others, features: given };
        const text = cut(JSON.stringify(whole));
        if (text !== undefined) expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(whole.features)));
      }),
    );
  });

  it('cuts each row of a batch, or none', () => {
    const rows = ['{"a":1}', '{ "a" : 2 }', '{"a":3,"b":[1]}'];
    const body = (features: readonly string[]) =>
      `{"instances":[${features.map((text) => `{"entities":{"e":"features"},"features":${text}}`).join(', ')}]}`;
    expect(featuresTexts(body(rows), numbers, 3)).toEqual(undefined);
    const plain = (features: readonly string[]) =>
      `{"instances":[${features.map((text) => `{"entities":{"e":"x"},"features" : ${text}}`).join(', ')}]}`;
    expect(featuresTexts(plain(rows), numbers, 3)).toEqual(rows);
    expect(featuresTexts(plain(rows), numbers, 2)).toBeUndefined();
    expect(featuresTexts(plain(rows), numbers, 4)).toBeUndefined();
  });
});
