import { afterEach, describe, expect, it } from 'vitest';
import { authenticatorOf, catalogueOf, createEdge, everything, mortgageDenial } from '../../../test/support/edge.js';
import { FakeControl } from '../../../test/support/fake-control.js';
import { fits } from '../../../test/support/openapi-fit.js';
import { FakeCatalogue, fakeVersion, RecordingEvents, RecordingPredictions } from '../../../test/support/fakes.js';
import type { ModelControl } from '../../models/index.js';
import { TensorInference } from '../../prediction/index.js';
import { systemClock } from '../../shared/clock.js';
import type { HttpServer } from '../index.js';

let server: HttpServer;
afterEach(() => server.close(0));

const options = { open_inference: true };
const send = async (url: string, payload?: object | Buffer, headers: Record<string, string> = {}) => {
  const method = payload === undefined ? 'GET' : 'POST';
  const reply = await server.app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
  return { status: reply.statusCode, headers: reply.headers, bytes: reply.rawPayload };
};
const ask = async (...args: Parameters<typeof send>) => {
  const { status, bytes } = await send(...args);
  return { status, body: JSON.parse(bytes.toString()) as Record<string, unknown> };
};

describe('loading and unloading by request', () => {
  const path = '/v2/repository/models';
  const start = async (control: ModelControl | null, scopes: readonly string[] = ['admin']) => {
    const authenticator = authenticatorOf({ ...everything, scopes });
    server = await createEdge({ options, control, authenticator, catalogue: catalogueOf([mortgageDenial]) });
  };

  it('is what an admin may ask, where it is allowed', async () => {
    const control = new FakeControl();
    await start(control);
    expect((await ask('/v2')).body).toMatchObject({ extensions: ['binary_tensor_data', 'model_repository'] });
    expect(await ask(`${path}/mortgage_denial/unload`, { parameters: { unload_dependents: true } })).toEqual({
      status: 200,
      body: {},
    });
    expect((await send(`${path}/mortgage_denial/load`, Buffer.alloc(0))).status).toBe(200);
    expect(await ask(`${path}/none/load`, {})).toMatchObject({ status: 404, body: { error: 'Model not found' } });
    expect(control.asked).toEqual(['unload mortgage_denial', 'load mortgage_denial', 'load none']);
  });

  it.each([
    ['files', { parameters: { 'file:1/model.onnx': 'AAAA' } }],
    ['a configuration', { parameters: { config: '{}' } }],
    ['no JSON', Buffer.from('{')],
    ['a list', Buffer.from('[]')],
  ])('takes no %s', async (_, payload) => {
    const control = new FakeControl();
    await start(control);
    expect((await ask(`${path}/mortgage_denial/load`, payload)).status).toBe(400);
    expect(control.asked).toEqual([]);
  });

  it('is refused without the scope, and where it is not allowed', async () => {
    const control = new FakeControl();
    await start(control, ['models:read', 'predict:*']);
    expect(await ask(`${path}/mortgage_denial/unload`, {})).toMatchObject({ status: 403, body: { error: /admin/ } });
    await server.close(0);
    await start(null);
    expect(await ask(`${path}/mortgage_denial/unload`, {})).toMatchObject({
      status: 403,
      body: { error: expect.stringContaining('models.allow_control') as string },
    });
    expect((await ask('/v2')).body).toMatchObject({ extensions: ['binary_tensor_data'] });
    expect(control.asked).toEqual([]);
  });

  it('shows in the index', async () => {
    await start(new FakeControl());
    expect((await ask('/v2/repository/index', {})).body).toEqual([
      { name: 'mortgage_denial', version: '1.1.0', state: 'READY', reason: '' },
      { name: 'mortgage_denial', version: '1.0.0', state: 'UNAVAILABLE', reason: 'model.onnx is no ONNX file' },
      { name: 'resting', version: '', state: 'UNAVAILABLE', reason: 'unloaded' },
    ]);
    expect((await ask('/v2/repository/index', { ready: true })).body).toHaveLength(1);
    await server.close(0);
    await start(new FakeControl(), ['predict:other']);
    expect((await ask('/v2/repository/index', {})).body).toEqual([]);
  });
});

describe('replies', () => {
  it('have the forms of the OpenAPI document', async () => {
    const catalogue = new FakeCatalogue(fakeVersion([]));
    catalogue.describe = () => ({ ...mortgageDenial, model_id: 'half_plus_two' }) as never;
    const core = { catalogue, events: new RecordingEvents(), observer: new RecordingPredictions(), clock: systemClock };
    const limits = { maxTimeoutMs: 30_000, maxBatchInstances: 3, defaultTimeoutMs: 5000 };
    const inference = new TensorInference({ ...core, newId: () => 'event', limits });
    server = await createEdge({ options, catalogue, inference, control: new FakeControl() });
    const x = { name: 'x', datatype: 'FP32', shape: [1, 1], data: [2] };
    const model = '/v2/models/half_plus_two';
    for (const [component, url, payload] of [
      ['Server', '/v2'],
      ['Live', '/v2/health/live'],
      ['Ready', '/v2/health/ready'],
      ['Model', model],
      ['ModelReady', `${model}/versions/1.0.0/ready`],
      ['Reply', `${model}/infer`, { id: 'i', inputs: [x], outputs: [{ name: 'y' }] }],
      ['Index', '/v2/repository/index', {}],
      ['Error', '/v2/models/none'],
      ['Error', `${model}/infer`, {}],
    ] as const) {
      const { body } = await ask(url, payload);
      expect(fits(`OpenInference${component}`, body), `${url} ${JSON.stringify(body)}`).toBe(true);
    }
    expect(fits('OpenInferenceRequest', { model_name: 'm', inputs: [x] })).toBe(true);
    expect(fits('OpenInferenceRequest', { inputs: x })).toBe(false);
  });
});

describe('a raw request', () => {
  const raw = { 'inference-header-content-length': '0', 'content-type': 'application/octet-stream' };
  const start = async () => {
    const catalogue = new FakeCatalogue(fakeVersion([]));
    const core = { catalogue, events: new RecordingEvents(), observer: new RecordingPredictions(), clock: systemClock };
    const limits = { maxTimeoutMs: 30_000, maxBatchInstances: 3, defaultTimeoutMs: 5000 };
    const inference = new TensorInference({ ...core, newId: () => 'event', limits });
    server = await createEdge({ options, catalogue, inference });
    return catalogue;
  };
  const infer = '/v2/models/half_plus_two/infer';

  it('is one row of the one input, answered in binary form', async () => {
    const catalogue = await start();
    const { status, headers, bytes } = await send(infer, Buffer.from(Float32Array.of(2).buffer), raw);
    expect(status).toBe(200);
    const length = Number(headers['inference-header-content-length']);
    expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({
      model_name: 'half_plus_two',
      outputs: [{ name: 'y', shape: [1, 1], parameters: { binary_data_size: 4 } }],
    });
    expect(bytes.subarray(length).readFloatLE()).toBe(3);
    expect(catalogue.released).toBe(catalogue.leased);
  });

  it('of another size, or of another model, is refused', async () => {
    await start();
    expect(await ask(infer, Buffer.alloc(8), raw)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('needs 4 bytes, there are 8') as string },
    });
    expect((await ask('/v2/models/none/infer', Buffer.alloc(4), raw)).status).toBe(404);
  });
});
