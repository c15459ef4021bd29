import { afterEach, describe, expect, it } from 'vitest';
import {
  createEdge,
  FakePrediction,
  OneKeyAuthenticator,
  everything,
  RecordingHttpObserver,
} from '../../test/support/edge.js';
import type { EdgeOverrides } from '../../test/support/edge.js';
import { errorCodes, ServiceError, type ErrorCode } from '../shared/errors.js';
import { errorStatus } from './error-status.js';
import { isErrorBody, isProblemDetails } from '../../test/support/openapi-fit.js';
import type { HttpServer } from './index.js';

const json = { 'content-type': 'application/json' };
const problem = 'application/problem+json';

/** A prediction service that fails as it is told. */
function failing(error: Error): FakePrediction {
  const prediction = new FakePrediction();
  prediction.before = () => Promise.reject(error);
  return prediction;
}

interface Refusal {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'OPTIONS' | 'DELETE' | 'QUERY';
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly payload?: string;
  readonly edge?: EdgeOverrides;
  readonly status: number;
  readonly code: ErrorCode;
}

const predict = { method: 'POST', url: '/v1/predict', payload: '{}' } as const;
const locked = { authenticator: new OneKeyAuthenticator(everything) };
const shut = new ServiceError('SERVICE_UNAVAILABLE', 'Too busy', { retryAfterSeconds: 1.2 });

const refusals: readonly Refusal[] = [
  { name: 'no such path', method: 'GET', url: '/nothing?x=1', status: 404, code: 'NOT_FOUND' },
  {
    name: 'no such path, with a body of any type',
    method: 'POST',
    url: '/nothing',
    headers: { 'content-type': 'text/xml' },
    payload: '<a/>',
    status: 404,
    code: 'NOT_FOUND',
  },
  { name: 'another method', method: 'GET', url: '/v1/predict', status: 405, code: 'METHOD_NOT_ALLOWED' },
  {
    name: 'another method, with a body',
    method: 'PUT',
    url: '/v1/predict',
    headers: json,
    payload: '{}',
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
  },
  {
    name: 'another method of a path with a parameter',
    method: 'DELETE',
    url: '/v1/models/m?x=1',
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
  },
  { name: 'OPTIONS', method: 'OPTIONS', url: '/v1/predict', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { name: 'QUERY', method: 'QUERY', url: '/health', status: 405, code: 'METHOD_NOT_ALLOWED' },
  { name: 'a path that is no UTF-8', method: 'GET', url: '/v1/models/%zz', status: 400, code: 'INVALID_REQUEST' },
  {
    name: 'a text body',
    ...predict,
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'a +json type',
    ...predict,
    headers: { 'content-type': 'application/vnd.x+json' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'a media type that is none',
    ...predict,
    headers: { 'content-type': 'json' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'another charset',
    ...predict,
    headers: { 'content-type': 'application/json; charset=utf-16' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'an encoded body',
    ...predict,
    headers: { ...json, 'content-encoding': 'gzip' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'an encoding called identity',
    ...predict,
    headers: { ...json, 'content-encoding': 'identity' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'a body without a type',
    ...predict,
    headers: { 'content-length': '2' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'a body that is shorter than it says',
    ...predict,
    headers: { ...json, 'content-length': '5' },
    status: 400,
    code: 'INVALID_REQUEST',
  },
  {
    name: 'too large a body',
    ...predict,
    payload: ' '.repeat(1025),
    headers: json,
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  },
  {
    name: 'a budget that is no number',
    ...predict,
    headers: { ...json, 'x-request-timeout-ms': '1e3' },
    status: 400,
    code: 'INVALID_REQUEST',
  },
  {
    name: 'a budget that is too small',
    ...predict,
    headers: { ...json, 'x-request-timeout-ms': '99' },
    status: 400,
    code: 'INVALID_REQUEST',
  },
  {
    name: 'a budget that is too large',
    ...predict,
    headers: { ...json, 'x-request-timeout-ms': '30001' },
    status: 400,
    code: 'INVALID_REQUEST',
  },
  { name: 'no key', ...predict, headers: json, edge: locked, status: 401, code: 'UNAUTHORIZED' },
  {
    name: 'no key for the catalogue',
    method: 'GET',
    url: '/v1/models',
    edge: locked,
    status: 401,
    code: 'UNAUTHORIZED',
  },
  {
    name: 'no place',
    ...predict,
    headers: json,
    edge: { admission: { refuseEarly: () => undefined, enter: () => shut } },
    status: 503,
    code: 'SERVICE_UNAVAILABLE',
  },
  { name: 'no such model', method: 'GET', url: '/v1/models/none', status: 404, code: 'MODEL_NOT_FOUND' },
  {
    name: 'an id that no model can have',
    method: 'GET',
    url: `/v1/models/${'a'.repeat(5000)}`,
    status: 404,
    code: 'MODEL_NOT_FOUND',
  },
  {
    name: 'no such version',
    method: 'GET',
    url: '/v1/models/mortgage_denial/versions/9',
    status: 404,
    code: 'MODEL_NOT_FOUND',
  },
  {
    name: 'metrics that fail',
    method: 'GET',
    url: '/metrics',
    edge: { metrics: () => Promise.reject(new Error('x')) },
    status: 500,
    code: 'INTERNAL_ERROR',
  },
  ...Object.keys(errorCodes).map((code) => ({
    name: `prediction says ${code}`,
    ...predict,
    headers: json,
    edge: { prediction: failing(new ServiceError(code as ErrorCode, 'Told', { details: { allow: 'GET' } })) },
    status: errorStatus[code as ErrorCode],
    code: code as ErrorCode,
  })),
];

// Demand 25: one form for every error of every path.
describe('demand 25: every refusal', () => {
  let server: HttpServer | undefined;
  afterEach(() => server?.close(0));

  const ask = async ({ edge, method, url, headers = {}, payload }: Refusal, accept: string) => {
    server = await createEdge({ options: { max_body_bytes: 1024 }, ...edge });
    const request = { url, headers: { ...headers, accept, 'x-request-id': 'mine' } };
    // inject() knows no QUERY.
    return server.app.inject({ ...request, method: method as 'GET', ...(payload !== undefined && { payload }) });
  };

  it.each(refusals)('$name: $status $code', async (refusal) => {
    const reply = await ask(refusal, '*/*');
    expect(reply.statusCode).toBe(refusal.status);
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(isErrorBody(reply.json())).toBe(true);
    expect(reply.json()).toMatchObject({ error_code: refusal.code, request_id: 'mine' });
    expect(reply.headers).toMatchObject({
      'x-request-id': 'mine',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      vary: 'Accept',
    });
    expect(reply.headers['retry-after'] !== undefined).toBe([429, 503].includes(refusal.status));
    expect(reply.headers['www-authenticate'] !== undefined).toBe(refusal.status === 401);
    expect(reply.headers['allow'] !== undefined).toBe(refusal.status === 405);
  });

  it.each(refusals)('$name, as RFC 9457', async (refusal) => {
    const reply = await ask(refusal, `text/html, ${problem}`);
    expect(reply.statusCode).toBe(refusal.status);
    expect(reply.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(isProblemDetails(reply.json())).toBe(true);
    expect(reply.json()).toMatchObject({ status: refusal.status, error_code: refusal.code, request_id: 'mine' });
  });

  it('names the methods that are allowed', async () => {
    const get = await ask({ ...predict, name: '', method: 'GET', status: 405, code: 'METHOD_NOT_ALLOWED' }, '*/*');
    expect(get.headers['allow']).toBe('POST');
    const post = await server?.app.inject({ method: 'POST', url: '/v1/models/m' });
    expect(post?.headers['allow']).toBe('GET, HEAD');
  });

  it('gives Retry-After in whole seconds, rounded up', async () => {
    server = await createEdge({ admission: { refuseEarly: () => undefined, enter: () => shut } });
    const reply = await server.app.inject({ ...predict, headers: json });
    expect(reply.headers['retry-after']).toBe('2');
  });

  it('tells nothing of what went wrong inside, but tells the observer', async () => {
    const observer = new RecordingHttpObserver();
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:5432 password=hunter2');
    server = await createEdge({ observer, prediction: failing(cause) });
    const reply = await server.app.inject({ ...predict, headers: json });
    expect(reply.statusCode).toBe(500);
    expect(reply.json()).toMatchObject({
      error_code: 'INTERNAL_ERROR',
      message: 'An internal error occurred',
      details: {},
    });
    expect(reply.body).not.toContain('hunter2');
    expect(observer.finished[0]?.error?.cause).toBe(cause);
  });

  it('answers a HEAD with the headers of the error and no body', async () => {
    server = await createEdge();
    const reply = await server.app.inject({ method: 'HEAD', url: '/v1/models/none' });
    expect(reply.statusCode).toBe(404);
    expect(reply.body).toBe('');
  });
});
