import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../shared/errors.js';

/**
 * Calls `done` once: with the whole body, or with why there is none: it is longer than `limit` bytes, or the client left in the middle of
 * it. What is left of a body that is too long is not read.
 */
export function readBody(request: IncomingMessage, limit: number, done: (body: Buffer | ServiceError) => void): void {
  const declared = Number(request.headers['content-length']);
  if (declared > limit) return done(tooLarge());
  new BodyReader(request, { declared, limit, done });
}

interface Reading {
  /** Content-Length; NaN where there is none. */
  readonly declared: number;
  readonly limit: number;
  readonly done: (body: Buffer | ServiceError) => void;
}

class BodyReader {
  readonly #request: IncomingMessage;
  readonly #reading: Reading;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(request: IncomingMessage, reading: Reading) {
    this.#request = request;
    this.#reading = reading;
    request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#size += chunk.length;
    if (this.#size > this.#reading.limit) return this.#finish(tooLarge());
    this.#chunks.push(chunk);
  };

  readonly #onEnd = (): void => {
    const { declared } = this.#reading;
    if (!Number.isNaN(declared) && declared !== this.#size) return this.#finish(wrongLength());
    const [first] = this.#chunks;
    // Most bodies are one chunk, which need not be copied.
    this.#finish(this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks));
  };

  readonly #onError = (): void => {
    this.#finish(new ServiceError('INVALID_REQUEST', 'The connection ended before the body was complete'));
  };

  #finish(outcome: Buffer | ServiceError): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError);
    this.#reading.done(outcome);
  }
}

function tooLarge(): ServiceError {
  return new ServiceError('PAYLOAD_TOO_LARGE', 'The body is larger than the limit');
}

/** Node's parser lets none pass. */
function wrongLength(): ServiceError {
  return new ServiceError('INVALID_REQUEST', 'The body is not as long as Content-Length says');
}
