import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyReader } from './body-reader.js';
import { parseBatchRequest, parsePredictionRequest } from './envelope.js';
import type { GivenFeatures } from './given-features.js';
import { bodyText, parseJsonText } from './json-body.js';

const limits = { maxTimeoutMs: 60_000, maxBatchInstances: 4 };

/** What a request or its refusal is, whichever way it was read. */
const seen = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, member: unknown) =>
      key === 'features' ? featuresOf(member as GivenFeatures) : member,
    ),
  );
const featuresOf = ({ names, values, text }: GivenFeatures) => ({
  names,
  values: values.map((value) => (Object.is(value, -0) ? '-0' : value)),
  text: JSON.parse(text) as unknown,
});
const outcome = (read: () => unknown) => {
  try {
    return seen(read());
  } catch (error) {
    return seen({ error: String(error), details: (error as { details: unknown }).details });
  }
};
const ordinary = (body: Buffer) => parsePredictionRequest(parseJsonText(bodyText(body)), limits);
const ordinaryBatch = (body: Buffer) => parseBatchRequest(parseJsonText(bodyText(body)), limits);

/** A text that was read by its shape comes back as it was written; JSON.stringify never leaves such white space. */
const readByShape = (text: string) => text.startsWith('{ ');
const single = (features: string) => Buffer.from(`{"model_id":"m","features":{ ${features}}}`);
const batchOf = (...rows: string[]) =>
  Buffer.from(`{"model_id":"m","instances":[${rows.map((row) => `{"features":{ ${row}}}`).join(', ')}]}`);

describe('a body that differs from one before in values only', () => {
  it('is read by its shape', () => {
    const bodies = new BodyReader(limits);
    expect(readByShape(bodies.prediction(single('"a":1,"b":"x"')).features.text)).toBe(false);
    const { features } = bodies.prediction(single('"a":-2.5,"b":"yes"'));
    expect(features).toEqual({ names: ['a', 'b'], values: [-2.5, 'yes'], text: '{ "a":-2.5,"b":"yes"}' });
  });

  it('is read by its shape in a batch of any size, up to the limit', () => {
    const bodies = new BodyReader(limits);
    bodies.batch(batchOf('"a":1', '"a":2'));
    for (const rows of [['"a":[3,4]'], ['"a":5', '"a":null', '"a":7', '"a":8']]) {
      const body = batchOf(...rows);
      const request = bodies.batch(body);
      expect(seen(request)).toEqual(seen(ordinaryBatch(body)));
      const texts = request.instances.map((instance) => 'features' in instance && instance.features.text);
      expect(texts).toEqual(rows.map((row) => `{ ${row}}`));
    }
    expect(() => bodies.batch(batchOf(...Array<string>(5).fill('"a":1')))).toThrow('see /instances');
  });

  it('keeps version and options of its shape, and asks for the shape to the byte', () => {
    const bodies = new BodyReader(limits);
    const body = (version: string, value: number) =>
      Buffer.from(
        `{"model_id":"m","model_version":"${version}","features":{"a":${value}},"options":{"timeout_ms":500}}`,
      );
    for (const [version, value] of [
      ['1', 1],
      ['1', 2],
      ['2', 3],
      ['2', 4],
      ['1', 5],
    ] as const) {
      expect(seen(bodies.prediction(body(version, value)))).toEqual(seen(ordinary(body(version, value))));
    }
  });
});

describe('no body is read otherwise than in the ordinary way', () => {
  const hostile = [
    '{"model_id":"m","features":{"a":1},"features":{"a":2}}',
    '{"model_id":"m","features":{"a":1,"a":2}}',
    '{"model_id":"m","features":{"a":1,"\\u0061":2}}',
    '{"model_id":"m","features":{"a":1},"f\\u0065atures":{"a":2}}',
    '{"model_id":"features","features":{"a":1}}',
    '{"model_id":"m","features":{"features":1}}',
    '{"model_id":"m","features":{"a":"features"}}',
    '{"model_id":"m","features":{"a":"\\"features\\""}}',
    '{"model_id":"m","features":{"ä":1}}',
    '{"model_id":"m","features":{"a":{"b":1}}}',
    '{"model_id":"m","features":{}}',
    '{"model_id":"m","features":{"a":1},"entities":{"e":"features"}}',
    '{"model_id":"m","features":{"a":01}}',
    '{"model_id":"m","features":{"a":1}} ',
    '{"model_id":"m","features":{"a":1}}x',
    '{"model_id":"m","features":{"a":1}',
    '{"model_id":"m","features":{"__proto__":1}}',
    '{"model_id":"m","features":null}',
    '{"model_id":"m"}',
    '{"model_id":"m","options":{"features":{"a":1}},"options":{}}',
    '{"model_id":"m","entities":{"features":{"a":1}},"entities":{"e":1}}',
  ];

  it.each(hostile)('%s', (text) => {
    const bodies = new BodyReader(limits);
    for (const body of [text, text.replace('1', '3'), text.replace('2', '1'), text].map((each) => Buffer.from(each)))
      expect(outcome(() => bodies.prediction(body))).toEqual(outcome(() => ordinary(body)));
  });

  it.each([
    '{"model_id":"m","instances":[{"features":{"a":1}},{"features":{"a":2}}],"instances":[{},{}]}',
    '{"model_id":"m","instances":[{"features":{"a":1}},{"features":{"a":2}}],"instances":[{"features":{"a":1}},{}]}',
    '{"model_id":"m","instances":[{"features":{"a":1}},{"features":{"a":2},"entities":{"e":1}}]}',
    '{"model_id":"m","instances":[{"features":{"a":1}},{"features":{"b":2}}]}',
    '{"model_id":"m","instances":[{"features":{"a":1}},7]}',
  ])('batch %s', (text) => {
    const bodies = new BodyReader(limits);
    for (const body of [text, text.replace('1', '3'), text.replace('2', '1'), text].map((each) => Buffer.from(each)))
      expect(outcome(() => bodies.batch(body))).toEqual(outcome(() => ordinaryBatch(body)));
  });

  const scalar = fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.string(), fc.constantFrom(true, null, -0));
  const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
  const names = fc.uniqueArray(fc.oneof(fc.constantFrom('a', 'b', 'features'), fc.string({ minLength: 1 })), {
    maxLength: 3,
  });
  const rowsOf = (keys: readonly string[]) =>
    fc.array(fc.tuple(...keys.map(() => value)), { minLength: 1, maxLength: 5 });
  const rows = names.chain((keys) =>
    rowsOf(keys).map((all) => all.map((row) => Object.fromEntries(keys.map((key, at) => [key, row[at]])))),
  );
  const written = (object: object, indent: number | undefined) => Buffer.from(JSON.stringify(object, null, indent));
  /** Overwrites, inserts or removes a byte. */
  const mutation = fc.record({
    at: fc.nat(),
    kind: fc.nat(2),
    byte: fc.constantFrom(...Buffer.from('{}[]",:0123456789.e-+ \\\nan')),
  });
  const mutate = (body: Buffer, { at, kind, byte }: { at: number; kind: number; byte: number }) => {
    const cut = at % body.length;
    return Buffer.concat([
      body.subarray(0, cut),
      Buffer.from(kind === 2 ? [] : [byte]),
      body.subarray(cut + (kind === 1 ? 0 : 1)),
    ]);
  };

  it('predictions, whole and with a byte changed', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(undefined, 2), mutation, (all, indent, change) => {
        const bodies = new BodyReader(limits);
        for (const features of all) {
          const body = written({ model_id: 'm', features, options: { enable_cache: false } }, indent);
          for (const each of [body, mutate(body, change), body])
            expect(outcome(() => bodies.prediction(each))).toEqual(outcome(() => ordinary(each)));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('batches, whole and with a byte changed', () => {
    fc.assert(
      fc.property(
        fc.array(rows, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(undefined, 2),
        mutation,
        (batches, indent, change) => {
          const bodies = new BodyReader(limits);
          for (const batch of batches) {
            const body = written({ model_id: 'm', instances: batch.map((features) => ({ features })) }, indent);
            for (const each of [body, mutate(body, change), body])
              expect(outcome(() => bodies.batch(each))).toEqual(outcome(() => ordinaryBatch(each)));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('shapes that are known', () => {
  it('are few: with all places taken, one in many bodies takes the place of the one that fitted least', () => {
    const bodies = new BodyReader(limits);
    const wasKnown = (name: string) => readByShape(bodies.prediction(single(`"${name}":1`)).features.text);
    for (let shape = 0; shape < 16; shape++) expect(wasKnown(`s${shape}`)).toBe(false);
    for (let shape = 0; shape < 16; shape++) expect(wasKnown(`s${shape}`)).toBe(true);
    let tries = 1;
    while (!wasKnown('new') && tries < 1000) tries++;
    expect(tries).toBeGreaterThan(100);
    expect(tries).toBeLessThan(400);
    expect(Array.from({ length: 16 }, (_, shape) => wasKnown(`s${shape}`)).filter((known) => !known)).toHaveLength(1);
  });
});
