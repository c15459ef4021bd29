import { createHmac } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCodes, type ErrorCode } from '../shared/errors.js';
import type { JsonObject } from '../shared/json.js';
import { predictionRecord } from '../../test/support/events/publisher-fixture.js';
import { eventDataSchema, eventSchema } from './event-schema.js';
import type { PredictionRecord } from './prediction-event.js';
import { EventEncoder } from './wire-event.js';

const piiKey = 'a key of sixteen bytes or more';
const hmac = (text: string) => createHmac('sha256', piiKey).update(text).digest('hex');
const shown = new EventEncoder({ source: '/inference-service', environment: 'test' });
const keyed = new EventEncoder({ source: '/inference-service', environment: 'test', piiKey });
const parse = (encoder: EventEncoder, record: PredictionRecord) => JSON.parse(encoder.encode(record).text);
const isEvent = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(eventSchema);

const personal = predictionRecord(1, {
  features: [
    { name: 'income', value: 81_000, origin: 'request', pii: true },
    { name: 'region', value: 'north', origin: 'store', ageSeconds: null, pii: false },
  ],
  entities: [
    { name: 'applicant_id', key: 'A-17', pii: true },
    { name: 'branch', key: 12, pii: false },
  ],
});

describe('an event', () => {
  it('is a CloudEvent with all that the record holds', () => {
    const record = predictionRecord(1, {
      batchIndex: 3,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect(parse(shown, record)).toEqual({
      specversion: '1.0',
      id: 'event-1',
      source: '/inference-service',
      type: 'inference.prediction.v1',
      time: '2026-01-02T03:04:05.678Z',
      subject: 'mortgage_denial',
      datacontenttype: 'application/json',
      dataschema: eventDataSchema,
      traceparent: record.traceparent,
      data: {
        event_id: 'event-1',
        request_id: 'request-1',
        batch_index: 3,
        timestamp: '2026-01-02T03:04:05.678Z',
        model_id: 'mortgage_denial',
        model_version: '1.1.0',
        status: 'success',
        error_code: null,
        features: { credit_score: 3 },
        feature_origins: { credit_score: { origin: 'cache', age_seconds: 12.346 } },
        entities: { applicant_id: 'A-1' },
        prediction: { denial_probability: 0.25 },
        confidence: 0.75,
        latency_ms: 1.235,
        stages_ms: { features: 0.5, model: 0.25 },
        cache_hit: true,
        client_id: 'team-a',
        environment: 'test',
        traceparent: record.traceparent,
      },
    });
  });

  it('of a failure that named no model has nulls, and no subject', () => {
    const { modelId, modelVersion, prediction, confidence, clientId, ...rest } = predictionRecord(1);
    const record: PredictionRecord = {
      ...rest,
      modelId: null,
      modelVersion: null,
      status: 'error',
      errorCode: 'INVALID_REQUEST',
      clientId: null,
    };
    expect([modelId, modelVersion, prediction, confidence, clientId]).not.toContain(undefined);
    const event = parse(shown, record);
    expect(event).not.toHaveProperty('subject');
    expect(event).not.toHaveProperty('traceparent');
    expect(event.data).toMatchObject({
      model_id: null,
      error_code: 'INVALID_REQUEST',
      prediction: null,
      confidence: null,
      client_id: null,
    });
    expect(isEvent(event), JSON.stringify(isEvent.errors)).toBe(true);
  });

  it('takes over the text of features that the caller gave', () => {
    const { data } = parse(shown, predictionRecord(1, { featuresText: '{ "credit_score": 3.0 }' }));
    expect([data.features, data.feature_origins]).toEqual([{ credit_score: 3 }, undefined]);
  });

  it('is one line, also where that text is several', () => {
    const featuresText = '{\r\n\t"credit_score":\n 3.0 }';
    expect(shown.encode(predictionRecord(1, { featuresText })).text).not.toMatch(/[\r\n]/);
    expect(parse(shown, predictionRecord(1, { featuresText })).data.features).toEqual({ credit_score: 3 });
  });

  it('has the first entity as its key, else the request', () => {
    expect(shown.encode(predictionRecord(1)).key).toBe('A-1');
    expect(shown.encode(predictionRecord(1, { entities: [] })).key).toBe('request-1');
  });

  it('shows personal values and keys as HMAC-SHA-256, also in its own key', () => {
    const encoded = keyed.encode(personal);
    const { features, entities, feature_origins, personal_features } = JSON.parse(encoded.text).data;
    expect(features).toEqual({ income: hmac('81000'), region: 'north' });
    expect(feature_origins).toEqual({ region: { origin: 'store', age_seconds: null } });
    expect(personal_features).toEqual(['income']);
    expect(entities).toEqual({ applicant_id: hmac('A-17'), branch: 12 });
    expect(encoded.key).toBe(hmac('A-17'));
    expect(encoded.text).not.toMatch(/81000|A-17/);
  });

  it('leaves personal values and keys out where there is no key for the HMAC', () => {
    const encoded = shown.encode(personal);
    const { features, entities, personal_features } = JSON.parse(encoded.text).data;
    expect(features).toEqual({ region: 'north' });
    expect(personal_features).toEqual(['income']);
    expect(entities).toEqual({ branch: 12 });
    expect(encoded.key).toBe('12');
    expect(encoded.text).not.toMatch(/81000|A-17/);
    expect(isEvent(JSON.parse(encoded.text))).toBe(true);
  });

  it('gives an entity one pseudonym, sent as a number or as text', () => {
    const keyOf = (key: string | number) =>
      keyed.encode(predictionRecord(1, { entities: [{ name: 'applicant_id', key, pii: true }] })).key;
    expect(keyOf(17)).toBe(keyOf('17'));
  });
});

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\u0000', '\u2028', '\ud800', 'é', 'a') }),
);
const scalar = fc.oneof(fc.double(), fc.integer(), fc.boolean(), anyText, fc.constant(null));
const record: fc.Arbitrary<PredictionRecord> = fc.record(
  {
    eventId: fc.string({ minLength: 1, maxLength: 60 }),
    requestId: anyText,
    batchIndex: fc.nat(),
    timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    modelId: fc.option(anyText),
    modelVersion: fc.option(anyText),
    status: fc.constantFrom('success' as const, 'error' as const),
    errorCode: fc.constantFrom(...(Object.keys(errorCodes) as ErrorCode[])),
    features: fc.uniqueArray(
      fc.record(
        {
          name: anyText,
          value: fc.oneof(scalar, fc.array(scalar)),
          origin: fc.constantFrom('request' as const, 'cache' as const, 'store' as const, 'default' as const),
          ageSeconds: fc.option(fc.double({ min: -1e6, max: 1e12, noNaN: true })),
          pii: fc.boolean(),
        },
        { requiredKeys: ['name', 'value', 'origin', 'pii'] },
      ),
      { selector: ({ name }) => name, maxLength: 8 },
    ),
    entities: fc.uniqueArray(
      fc.record({ name: anyText, key: fc.oneof(anyText, fc.maxSafeInteger()), pii: fc.boolean() }),
      {
        selector: ({ name }) => name,
        maxLength: 3,
      },
    ),
    prediction: fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>,
    confidence: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    latencyMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    stageMs: fc.dictionary(fc.string(), fc.double({ min: 0, max: 1e5, noNaN: true })),
    cacheHit: fc.boolean(),
    clientId: fc.option(anyText),
    traceparent: anyText,
  },
  {
    requiredKeys: [
      'eventId',
      'requestId',
      'timestamp',
      'modelId',
      'modelVersion',
      'status',
      'features',
      'entities',
      'latencyMs',
      'stageMs',
      'cacheHit',
      'clientId',
    ],
  },
);

describe('any event', () => {
  it('is valid JSON that fits docs/event.schema.json and says what JSON.stringify would say', () => {
    fc.assert(
      fc.property(record, fc.boolean(), (given, isKeyed) => {
        const encoder = isKeyed ? keyed : shown;
        const event = parse(encoder, given);
        expect(isEvent(event), JSON.stringify(isEvent.errors)).toBe(true);
        const same = (value: unknown) => JSON.parse(JSON.stringify(value));
        expect(event.data.request_id).toEqual(same(given.requestId));
        expect(event.data.prediction).toEqual(given.prediction === undefined ? null : same(given.prediction));
        for (const { name, value, pii } of given.features) {
          if (!pii) expect(Object.entries(event.data.features)).toContainEqual([same(name), same(value)]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
