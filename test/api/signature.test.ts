import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, launchService, post, type Service } from '../support/service.js';
import { allows, anyValueText, valid, type SignatureSchema } from '../support/signature.js';

const models = ['mortgage_denial', 'diabetes', 'penguins', 'digits'];
const casesEach = 1250;

let service: Service;
const signatures = new Map<string, SignatureSchema>();

beforeAll(async () => {
  service = await launchService({ args: ['--log-level', 'ERROR'] });
  for (const model of models) {
    const { body } = await get(`${service.url}/v1/models/${model}`);
    const versions = body['versions'] as { version: string; features: SignatureSchema }[];
    const answering = versions.find(({ version }) => version === body['default_version']);
    if (answering === undefined) throw new Error(`${model} has no version that answers`);
    signatures.set(model, answering.features);
  }
});
afterAll(() => service.stop('SIGKILL'));

const signatureOf = (model: string): SignatureSchema => signatures.get(model) as SignatureSchema;

describe.each(models)('%s: requests made from its own signature', (model) => {
  it('are answered', async () => {
    const { properties } = signatureOf(model);
    const shape = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, valid(schema)]));
    await fc.assert(
      fc.asyncProperty(fc.record(shape), async (features) => {
        const answer = await post(`${service.url}/v1/predict`, { model_id: model, features });
        expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      }),
      { numRuns: 200 },
    );
  });
});

// Demand 1: features of a wrong type are never answered 200 with a coerced or stripped value.
describe.each(models)('demand 1: %s refuses what its signature does not allow', (model) => {
  it(`agrees with a strict reference in ${casesEach} cases`, async () => {
    const { properties, required } = signatureOf(model);
    const names = Object.keys(properties);
    const change = fc.oneof(
      { weight: 6, arbitrary: fc.record({ name: fc.constantFrom(...names), text: anyValueText }) },
      { weight: 1, arbitrary: fc.record({ name: fc.constantFrom(...names), text: fc.constant(undefined) }) },
      { weight: 1, arbitrary: fc.record({ name: fc.constantFrom('agee', 'constructor', 'x'), text: anyValueText }) },
    );
    const shape = Object.fromEntries(names.map((name) => [name, valid(properties[name] ?? { type: 'null' })]));
    await fc.assert(
      fc.asyncProperty(fc.record(shape), fc.array(change, { maxLength: 2 }), async (good, changes) => {
        const texts = new Map(Object.entries(good).map(([name, value]) => [name, JSON.stringify(value)]));
        for (const { name, text } of changes) {
          if (text === undefined) texts.delete(name);
          else texts.set(name, text);
        }
        const members = [...texts].map(([name, text]) => `${JSON.stringify(name)}:${text}`);
        const wrong = [...texts].flatMap(([name, text]) => {
          const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
          return schema !== undefined && allows(schema, JSON.parse(text)) ? [] : [name];
        });
        const missing = required.filter((name) => !texts.has(name));
        // A stored feature without its entity is missing too.
        const stored = names.filter((name) => !required.includes(name) && !texts.has(name));
        const expected = new Set([...wrong, ...missing, ...stored]);
        const body = `{"model_id":"${model}","features":{${members.join(',')}}}`;
        const answer = await post(`${service.url}/v1/predict`, body);
        expect(answer.status, body + JSON.stringify(answer.body)).toBe(expected.size === 0 ? 200 : 400);
        if (expected.size === 0) return;
        expect(answer.body['error_code']).toBe('FEATURE_VALIDATION_FAILED');
        const { errors } = answer.body['details'] as { errors: { path: string }[] };
        expect(new Set(errors.map(({ path }) => path.split('/')[2]))).toEqual(expected);
      }),
      { numRuns: casesEach },
    );
  }, 300_000);
});
