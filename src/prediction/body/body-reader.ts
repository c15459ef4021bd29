import type { BatchRequest, PredictionRequest } from '../types.js';
import { parseBatchRequest, parsePredictionRequest, type EnvelopeLimits } from './envelope.js';
import { bodyText, parseJsonText } from './json-body.js';
import { KnownShapes } from './known-shapes.js';
import { batchShape, predictionShape } from './request-shapes.js';

/**
 * Body → request. Callers send the same text over and over with other values in it (ADR 23), so a body is first compared with the shapes of
 * those before it, and only the values are read; a body of another shape is parsed as JSON, and its shape remembered.
 */
export class BodyReader {
  readonly #limits: EnvelopeLimits;
  readonly #predictions = new KnownShapes<PredictionRequest>();
  readonly #batches = new KnownShapes<BatchRequest>();

  constructor(limits: EnvelopeLimits) {
    this.#limits = limits;
  }

  /** @throws ServiceError INVALID_REQUEST that lists every problem. */
  prediction(body: Buffer): PredictionRequest {
    const known = this.#predictions.read(body);
    if (known !== undefined) return known;
    const text = bodyText(body);
    const request = parsePredictionRequest(parseJsonText(text), this.#limits);
    this.#predictions.learn(() => predictionShape(text, body, request));
    return request;
  }

  /** @throws ServiceError INVALID_REQUEST that lists every problem of the envelope. */
  batch(body: Buffer): BatchRequest {
    const known = this.#batches.read(body);
    if (known !== undefined) return known;
    const text = bodyText(body);
    const request = parseBatchRequest(parseJsonText(text), this.#limits);
    const { maxBatchInstances } = this.#limits;
    this.#batches.learn(() => batchShape(text, body, request, maxBatchInstances));
    return request;
  }
}
