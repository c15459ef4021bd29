import { afterEach, describe, expect, it } from 'vitest';
import {
  authenticatorOf,
  catalogueOf,
  createEdge,
  everything,
  mortgageDenial,
  OneKeyAuthenticator,
} from '../../test/support/edge.js';
import type { Readiness } from './index.js';
import { fits } from '../../test/support/openapi-fit.js';
import type { HttpServer } from './index.js';

const fraud = { ...mortgageDenial, model_id: 'fraud' };

describe('routes', () => {
  let server: HttpServer | undefined;
  afterEach(() => server?.close(0));

  const asScopes = async (...scopes: string[]) => {
    await server?.close(0);
    const authenticator = authenticatorOf({ ...everything, scopes });
    server = await createEdge({ authenticator, catalogue: catalogueOf([mortgageDenial, fraud]) });
    return async (url: string) => (await server?.app.inject(url))?.json<Record<string, unknown>>();
  };

  it('list the models that the caller may see', async () => {
    const idsFor = async (...scopes: string[]) => {
      const listed = await (await asScopes(...scopes))('/v1/models');
      expect(fits('ModelList', listed)).toBe(true);
      return (listed as { models: { model_id: string }[] }).models.map((model) => model.model_id);
    };
    expect(await idsFor('models:read')).toEqual(['mortgage_denial', 'fraud']);
    expect(await idsFor('predict:*')).toEqual(['mortgage_denial', 'fraud']);
    expect(await idsFor('predict:fraud')).toEqual(['fraud']);
    expect(await idsFor('predict:gone')).toEqual([]);
    expect(await (await asScopes('metrics:read'))('/v1/models')).toMatchObject({ error_code: 'FORBIDDEN' });
  });

  it('describe a model and a version, and refuse what may not be seen whether or not it exists', async () => {
    const get = await asScopes('predict:fraud');
    const model = await get('/v1/models/fraud');
    expect(fits('Model', model)).toBe(true);
    expect(model).toMatchObject({ model_id: 'fraud', default_version: '1.1.0' });
    const version = await get('/v1/models/fraud/versions/1.0.0');
    expect(fits('ModelVersionReply', version)).toBe(true);
    expect(version).toMatchObject({ model_id: 'fraud', version: '1.0.0', state: 'failed' });
    for (const id of ['mortgage_denial', 'nothing']) {
      expect(await get(`/v1/models/${id}`)).toMatchObject({ error_code: 'FORBIDDEN' });
      expect(await get(`/v1/models/${id}/versions/1.1.0`)).toMatchObject({ error_code: 'FORBIDDEN' });
    }
  });

  it('answer health to everybody', async () => {
    server = await createEdge({ authenticator: new OneKeyAuthenticator(everything) });
    const reply = await server.app.inject('/health');
    expect(reply.json()).toEqual({ status: 'healthy', service: 'inference-service' });
    expect(fits('Health', reply.json())).toBe(true);
    const head = await server.app.inject({ method: 'HEAD', url: '/health' });
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', '50']);
  });

  it.each([
    ['ready', 200],
    ['degraded', 200],
    ['not_ready', 503],
  ] as const)('answer /ready when %s with %i', async (status, expected) => {
    const readiness: Readiness = { status, checks: { cache: 'healthy', models_ready: 2 } };
    server = await createEdge({ readiness: () => readiness });
    const reply = await server.app.inject('/ready');
    expect(reply.statusCode).toBe(expected);
    expect(fits('Readiness', reply.json())).toBe(true);
    expect(reply.json()).toEqual({ status, service: 'inference-service', checks: readiness.checks });
    expect(reply.headers['retry-after']).toBe(expected === 503 ? '1' : undefined);
  });

  it('answer metrics in the form that is asked for, to those who may read them', async () => {
    server = await createEdge();
    const open = await server.app.inject({ url: '/metrics', headers: { accept: 'application/openmetrics-text' } });
    expect(open.body).toBe('# application/openmetrics-text\n');
    expect(open.headers['content-type']).toBe('text/plain; version=0.0.4');
    await server.close(0);
    server = await createEdge({
      metricsProtected: true,
      authenticator: new OneKeyAuthenticator({ ...everything, scopes: ['predict:*'] }),
    });
    expect((await server.app.inject('/metrics')).statusCode).toBe(401);
    const withKey = { url: '/metrics', headers: { 'x-api-key': 'secret' } };
    expect((await server.app.inject(withKey)).statusCode).toBe(403);
    await server.close(0);
    server = await createEdge({
      metricsProtected: true,
      authenticator: authenticatorOf({ ...everything, scopes: ['metrics:read'] }),
    });
    expect((await server.app.inject('/metrics')).statusCode).toBe(200);
  });

  it('let pages of the listed origins call, and no others', async () => {
    server = await createEdge({ options: { cors_origins: ['https://app.example'] } });
    const preflight = (origin: string) =>
      server?.app.inject({
        method: 'OPTIONS',
        url: '/v1/predict',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    const allowed = await preflight('https://app.example');
    expect(allowed?.statusCode).toBe(204);
    expect(allowed?.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-methods': 'GET, HEAD, POST',
      vary: 'Origin',
    });
    expect(allowed?.headers['access-control-allow-headers']).toContain('X-API-Key');
    const refused = await preflight('https://evil.example');
    expect(refused?.statusCode).toBe(405);
    expect(refused?.headers['access-control-allow-origin']).toBeUndefined();
    const error = await server.app.inject({ url: '/nothing', headers: { origin: 'https://app.example' } });
    expect(error.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      vary: 'Origin, Accept',
    });
  });

  it('send no CORS header by default', async () => {
    server = await createEdge();
    const reply = await server.app.inject({ url: '/health', headers: { origin: 'https://app.example' } });
    expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});
