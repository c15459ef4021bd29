import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createEdge } from '../../test/support/edge.js';
import { fits, isErrorBody } from '../../test/support/openapi-fit.js';
import { ManualClock } from '../shared/clock.js';
import type { HttpServer } from './index.js';

const secret = 'a shared secret';
const path = '/v1/webhooks/mlflow';
const body = '{"entity": "model_version_alias", "action": "created", "data": {"name": "iris"}}';
const clock = new ManualClock();
let server: HttpServer | undefined;
let refreshes = 0;
afterEach(() => server?.close(0));

/** Headers as MLflow makes them, but for what the test says. */
function signed(rest: { body?: string; secret?: string; ageSeconds?: number } = {}): Record<string, string> {
  const timestamp = String(Math.floor(clock.now() / 1000) - (rest.ageSeconds ?? 0));
  const hmac = createHmac('sha256', rest.secret ?? secret).update(`id-1.${timestamp}.${rest.body ?? body}`);
  return {
    'content-type': 'application/json',
    'x-mlflow-delivery-id': 'id-1',
    'x-mlflow-timestamp': timestamp,
    'x-mlflow-signature': `v1,${hmac.digest('base64')}`,
  };
}

async function deliver(headers: Record<string, string>, payload = body) {
  refreshes = 0;
  server = await createEdge({ clock, mlflowWebhook: { secret, refresh: () => void refreshes++ } });
  const reply = await server.app.inject({ method: 'POST', url: path, headers, payload });
  const told = reply.json<{ error_code?: string }>();
  expect(reply.statusCode === 202 ? fits('Accepted', told) : isErrorBody(told)).toBe(true);
  return { status: reply.statusCode, code: told.error_code, refreshes };
}

describe("MLflow's webhook", () => {
  it('has the registry asked', async () => {
    expect(await deliver(signed())).toEqual({ status: 202, code: undefined, refreshes: 1 });
    expect(await deliver(signed({ ageSeconds: 299 }))).toMatchObject({ status: 202 });
    const two = { ...signed(), 'x-mlflow-signature': `v1,AAAA ${signed()['x-mlflow-signature']}` };
    expect(await deliver(two)).toMatchObject({ status: 202 });
  });

  it.each([
    ['of another secret', signed({ secret: 'another secret' })],
    ['of another body', signed({ body: '{}' })],
    ['that is old', signed({ ageSeconds: 301 })],
    ['from the future', signed({ ageSeconds: -301 })],
    ['without a signature', { ...signed(), 'x-mlflow-signature': '' }],
    [
      'of another scheme',
      { ...signed(), 'x-mlflow-signature': signed()['x-mlflow-signature']?.replace('v1,', 'v2,') ?? '' },
    ],
    ['with another id', { ...signed(), 'x-mlflow-delivery-id': 'id-2' }],
    ['with a time that is none', { ...signed(), 'x-mlflow-timestamp': '1e9' }],
    ['without headers', { 'content-type': 'application/json' }],
  ])('refuses a delivery %s', async (_, headers) => {
    expect(await deliver(headers)).toEqual({ status: 401, code: 'UNAUTHORIZED', refreshes: 0 });
  });

  it('refuses a body that is too long, or of another type', async () => {
    const long = `"${'x'.repeat(70_000)}"`;
    expect(await deliver(signed({ body: long }), long)).toMatchObject({ status: 413, refreshes: 0 });
    expect(await deliver({ ...signed(), 'content-type': 'text/plain' })).toMatchObject({ status: 415, refreshes: 0 });
  });

  it('is not there without a secret', async () => {
    server = await createEdge({ clock });
    const reply = await server.app.inject({ method: 'POST', url: path, headers: signed(), payload: body });
    expect(reply.statusCode).toBe(404);
  });
});
