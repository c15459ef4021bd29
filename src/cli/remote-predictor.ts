import { Pool } from 'undici';
import { signatureOf } from '../app/signature-of.js';
import type { ModelDescription } from '../models/index.js';
import type { BatchReply } from '../prediction/index.js';
import { messageOf } from '../shared/errors.js';
import { isPlainObject } from '../shared/json.js';
import { CommandFailure } from './io.js';
import type { Predictor, Signature } from '../app/operations.js';

const timeoutMs = 60_000;
const triesWhenRefused = 5;

export interface RemoteServer {
  readonly url: string;
  readonly apiKey?: string | undefined;
}

/** Predicts on a running server. A reply of 429 or 503 is tried again after the time that it names, five times. */
export class RemotePredictor implements Predictor {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #headers: Record<string, string>;
  readonly #modelId: string;

  constructor({ url, apiKey }: RemoteServer, modelId: string) {
    const address = new URL(url);
    this.#pool = new Pool(address.origin, { connections: 1, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
    this.#prefix = address.pathname.replace(/\/$/, '');
    this.#headers = { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }) };
    this.#modelId = modelId;
  }

  async signature(version?: string): Promise<Signature> {
    const model = (await this.#call('GET', `/v1/models/${encodeURIComponent(this.#modelId)}`)) as ModelDescription;
    return signatureOf(model, version);
  }

  async predictBatch(body: string): Promise<BatchReply> {
    return (await this.#call('POST', '/v1/predict/batch', body)) as BatchReply;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #call(method: 'GET' | 'POST', path: string, body?: string): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const reply = await this.#send(method, path, body);
      if (reply.status < 400) return reply.json;
      const wait = Number(reply.retryAfter);
      const refused = (reply.status === 429 || reply.status === 503) && Number.isFinite(wait) && wait <= 60;
      if (!refused || tries === triesWhenRefused) throw new CommandFailure(refusalText(reply));
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  async #send(method: 'GET' | 'POST', path: string, body?: string): Promise<RemoteReply> {
    try {
      const request = { method, path: this.#prefix + path, headers: this.#headers, body: body ?? null };
      const reply = await this.#pool.request({ ...request, signal: AbortSignal.timeout(timeoutMs) });
      const text = await reply.body.text();
      return { status: reply.statusCode, json: parsed(text), retryAfter: reply.headers['retry-after'] };
    } catch (error) {
      throw new CommandFailure(`the server does not answer: ${messageOf(error)}`);
    }
  }
}

interface RemoteReply {
  readonly status: number;
  readonly json: unknown;
  readonly retryAfter: string | string[] | undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function refusalText({ status, json }: RemoteReply): string {
  if (!isPlainObject(json) || typeof json['message'] !== 'string') return `the server answered ${status}`;
  return `the server answered ${status} ${String(json['error_code'])}: ${json['message']}`;
}
