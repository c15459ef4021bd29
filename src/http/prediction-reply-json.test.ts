import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PredictionReply } from '../prediction/index.js';
import type { JsonObject } from '../shared/json.js';
import { modelIdPattern, requestIdPattern } from '../shared/names.js';
import { predictionReplyJson } from './prediction-reply-json.js';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const warning = fc.record(
  { code: fc.string(), message: fc.string(), feature: fc.string() },
  { requiredKeys: ['code', 'message'] },
);

const explanation = fc.record({
  method: fc.string(),
  output: fc.string(),
  scale: fc.string(),
  base_value: finite,
  contributions: fc.array(
    fc.record({ feature: fc.string(), origin: fc.constantFrom('request', 'store'), contribution: finite }),
  ),
});

const replies: fc.Arbitrary<PredictionReply> = fc.record(
  {
    request_id: fc.stringMatching(requestIdPattern),
    model_id: fc.stringMatching(modelIdPattern),
    model_version: fc.string(),
    prediction: fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>,
    confidence: fc.option(finite),
    latency_ms: finite,
    timestamp: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    cached: fc.boolean(),
    explanation: explanation,
    warnings: fc.array(warning),
  },
  {
    requiredKeys: [
      'request_id',
      'model_id',
      'model_version',
      'prediction',
      'confidence',
      'latency_ms',
      'timestamp',
      'cached',
    ],
  },
);

describe('predictionReplyJson', () => {
  it('is what JSON.stringify gives', () => {
    fc.assert(
      fc.property(replies, (reply) => {
        expect(JSON.parse(predictionReplyJson(reply))).toEqual(JSON.parse(JSON.stringify(reply)));
      }),
      { numRuns: 500 },
    );
  });
});
