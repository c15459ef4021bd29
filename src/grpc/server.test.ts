import { credentials, loadPackageDefinition, Metadata, status, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  authenticatorOf,
  catalogueOf,
  everything,
  FakeLimiter,
  mortgageDenial,
  OneKeyAuthenticator,
} from '../../test/support/edge.js';
import { FakeControl } from '../../test/support/fake-control.js';
import { FakeCatalogue, fakeVersion, RecordingEvents, RecordingPredictions } from '../../test/support/fakes.js';
import { TensorInference, type CallContext } from '../prediction/index.js';
import { systemClock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import type { FinishedGrpcCall } from './observer.js';
import { GrpcServer, type GrpcServerParts } from './server.js';

type Answer = Record<string, unknown>;
type Stub = Client & Record<string, (message: object, metadata: Metadata, options: object, done: Done) => void>;
type Done = (error: { code: number; details: string } | null, answer: Answer) => void;

const { inference } = loadPackageDefinition(
  loadSync('proto/open-inference.proto', { keepCase: true, longs: String }),
) as unknown as { inference: { GRPCInferenceService: new (address: string, how: object) => Stub } };

let server: GrpcServer;
let client: Stub;
let events: RecordingEvents;
let calls: FinishedGrpcCall[];

async function start(overrides: Partial<GrpcServerParts> = {}): Promise<void> {
  events = new RecordingEvents();
  calls = [];
  const catalogue = new FakeCatalogue(fakeVersion([]));
  const core = { catalogue, events, observer: new RecordingPredictions(), clock: systemClock, newId: () => 'event' };
  const limits = { maxTimeoutMs: 30_000, maxBatchInstances: 3, defaultTimeoutMs: 5000 };
  server = new GrpcServer({
    inference: new TensorInference({ ...core, limits }),
    catalogue,
    control: null,
    authenticator: authenticatorOf(everything),
    limiter: null,
    admission: null,
    isReady: () => true,
    clock: systemClock,
    maxMessageBytes: 1 << 20,
    certificates: undefined,
    beginTrace: undefined,
    observer: { callFinished: (finished) => void calls.push(finished) },
    name: 'inference-service',
    version: '0',
    ...overrides,
  });
  const port = await server.listen('127.0.0.1', 0);
  client = new inference.GRPCInferenceService(`127.0.0.1:${port}`, credentials.createInsecure());
}

beforeEach(() => start());
afterEach(async () => {
  client.close();
  await server.close(1000);
});

function call(
  method: string,
  message: object = {},
  keys: Record<string, string> = {},
  timeoutMs = 20_000,
): Promise<Answer> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(keys)) metadata.set(name, value);
  return new Promise((resolve, reject) => {
    client[method]?.(message, metadata, { deadline: Date.now() + timeoutMs }, (error, answer) =>
      error === null ? resolve(answer) : reject(new Error(`${status[error.code]}: ${error.details}`)),
    );
  });
}

const typed = { name: 'x', datatype: 'FP32', shape: [2, 1], contents: { fp32_contents: [2, 4] } };
const model = { model_name: 'half_plus_two' };

describe('the Open Inference Protocol over gRPC', () => {
  it('tells health and metadata', async () => {
    expect(await call('ServerLive')).toEqual({ live: true });
    expect(await call('ServerReady')).toEqual({ ready: true });
    expect(await call('ModelReady', { name: 'half_plus_two' })).toEqual({ ready: true });
    expect(await call('ModelMetadata', { name: 'half_plus_two' })).toMatchObject({
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', '1'] }],
    });
  });

  it('answers typed contents by typed ones, raw by raw', async () => {
    expect(await call('ModelInfer', { ...model, id: 'i', inputs: [typed] })).toMatchObject({
      id: 'i',
      model_version: '1.0.0',
      outputs: [{ name: 'y', datatype: 'FP32', shape: ['2', '1'], contents: { fp32_contents: [3, 4] } }],
    });
    const raw = Buffer.from(Float32Array.of(2, 4).buffer);
    const { contents, ...bare } = typed;
    expect(contents).toBeDefined();
    const answer = await call('ModelInfer', { ...model, inputs: [bare], raw_input_contents: [raw] });
    expect(answer['raw_output_contents']).toEqual([Buffer.from(Float32Array.of(3, 4).buffer)]);
    expect(events.records[0]).toMatchObject({
      status: 'success',
      features: [],
      tensors: [{ name: 'x', datatype: 'FP32', shape: [2, 1] }],
    });
  });

  it.each([
    ['an unknown model', { model_name: 'nope', inputs: [typed] }, /NOT_FOUND/],
    ['an unknown input', { ...model, inputs: [{ ...typed, name: 'z' }] }, /INVALID_ARGUMENT.*it has x/],
    ['an unknown output', { ...model, inputs: [typed], outputs: [{ name: 'z' }] }, /INVALID_ARGUMENT.*it has y/],
    ['a missing input', { ...model }, /INVALID_ARGUMENT.*'x' is missing/],
    [
      'another type',
      { ...model, inputs: [{ ...typed, datatype: 'FP64', contents: { fp64_contents: [1, 2] } }] },
      /is FP32, not FP64/,
    ],
    ['another shape', { ...model, inputs: [{ ...typed, shape: [1, 2] }] }, /has the shape \[-1, 1\], not \[1, 2\]/],
    [
      'contents that do not fill the shape',
      { ...model, inputs: [{ ...typed, shape: [3, 1] }] },
      /needs 3 elements, there are 2/,
    ],
    ['no rows', { ...model, inputs: [{ ...typed, shape: [0, 1], contents: {} }] }, /hold no rows/],
    [
      'too many rows',
      { ...model, inputs: [{ ...typed, shape: [4, 1], contents: { fp32_contents: [1, 2, 3, 4] } }] },
      /4 rows; 3 are allowed/,
    ],
    ['raw and typed contents', { ...model, inputs: [typed], raw_input_contents: [Buffer.alloc(8)] }, /raw and typed/],
    [
      'too few raw contents',
      { ...model, inputs: [typed, typed], raw_input_contents: [Buffer.alloc(8)] },
      /one raw content/,
    ],
    ['typed FP16', { ...model, inputs: [{ ...typed, datatype: 'FP16' }] }, /raw contents only/],
    ['an unknown datatype', { ...model, inputs: [{ ...typed, datatype: 'BF16' }] }, /datatype/],
  ])('refuses %s', async (_name, message, words) => {
    await expect(call('ModelInfer', message)).rejects.toThrow(words);
  });

  it('asks for the same keys and limits as HTTP', async () => {
    client.close();
    await server.close(1000);
    await start({ authenticator: new OneKeyAuthenticator(everything) });
    await expect(call('ModelInfer', { ...model, inputs: [typed] })).rejects.toThrow('UNAUTHENTICATED');
    for (const keys of [{ 'x-api-key': 'secret' }, { authorization: 'Bearer secret' }]) {
      await expect(call('ModelInfer', { ...model, inputs: [typed] }, keys as never)).resolves.toBeDefined();
    }
    client.close();
    await server.close(1000);
    await start({ limiter: new FakeLimiter({ allowed: false, limit: 1, remaining: 0, resetSeconds: 5 }) });
    await expect(call('ModelInfer', { ...model, inputs: [typed] })).rejects.toThrow('RESOURCE_EXHAUSTED');
    expect(await call('ServerLive')).toEqual({ live: true });
  });

  it('lets nobody see or ask a model without the scope', async () => {
    client.close();
    await server.close(1000);
    await start({ authenticator: authenticatorOf({ ...everything, scopes: ['predict:other'] }) });
    await expect(call('ModelMetadata', { name: 'half_plus_two' })).rejects.toThrow('PERMISSION_DENIED');
    await expect(call('ModelInfer', { ...model, inputs: [typed] })).rejects.toThrow('PERMISSION_DENIED');
  });

  it('tells of each call once, by method and status', async () => {
    await call('ServerLive');
    await expect(call('ModelReady', { name: 'nope' })).rejects.toThrow('NOT_FOUND');
    await call('ModelInfer', { ...model, inputs: [typed] }, { 'x-request-id': 'r-1' });
    await vi.waitFor(() => expect(calls).toHaveLength(3));
    expect(calls).toMatchObject([
      { method: 'ServerLive', code: 'OK', error: undefined, clientId: null, reachedPrediction: false },
      { method: 'ModelReady', code: 'NOT_FOUND', error: { code: 'MODEL_NOT_FOUND' }, clientId: 'risk team' },
      { method: 'ModelInfer', code: 'OK', requestId: 'r-1', reachedPrediction: true },
    ]);
  });

  it('hands on the deadline, the trace and the end of the call', async () => {
    const asked: CallContext[] = [];
    const started = gate();
    const infer = (_: unknown, context: CallContext) => {
      asked.push(context);
      started.open();
      return new Promise<never>(() => undefined);
    };
    await restart({ inference: { infer } });
    const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'x=1' };
    const late = call('ModelInfer', { ...model, inputs: [typed] }, trace, 2000);
    await expect(late).rejects.toThrow('DEADLINE_EXCEEDED');
    expect(asked[0]).toMatchObject({ traceparent: trace.traceparent, caller: { trace } });
    expect(asked[0]!.timeoutMs).toBeGreaterThan(0);
    expect(asked[0]!.timeoutMs).toBeLessThanOrEqual(2000);
    await vi.waitFor(() => expect(asked[0]!.caller).toMatchObject({ gone: true, cancel: { aborted: true } }));
  });

  it('ends a call whose time is up as HTTP does', async () => {
    const infer = () => Promise.reject(new ServiceError('INFERENCE_TIMEOUT', 'The time is over'));
    await restart({ inference: { infer } });
    await expect(call('ModelInfer', { ...model, inputs: [typed] })).rejects.toThrow('DEADLINE_EXCEEDED: The time');
  });

  it('says that it is not ready while it drains, and lets calls in flight end', async () => {
    const held = gate();
    const started = gate();
    const infer = async () => {
      started.open();
      await held.opened;
      return { modelId: 'm', modelVersion: '1', outputs: [] };
    };
    await restart({ inference: { infer } });
    const inFlight = call('ModelInfer', { ...model, inputs: [typed] });
    await started.opened;
    server.beginDrain();
    expect(await call('ServerReady')).toEqual({ ready: false });
    expect(await call('ServerLive')).toEqual({ live: true });
    const closed = server.close(20_000);
    held.open();
    await expect(inFlight).resolves.toMatchObject({ model_name: 'm' });
    await closed;
    await start();
  });
});

describe('the repository over gRPC', () => {
  const ofModel = { model_name: 'mortgage_denial' };
  let control: FakeControl;
  const begin = async (overrides: Partial<GrpcServerParts> = {}) => {
    control = new FakeControl();
    await restart({ catalogue: catalogueOf([mortgageDenial]), control, ...overrides });
  };
  const scoped = (...scopes: string[]) => authenticatorOf({ ...everything, scopes });

  it('is told by its index', async () => {
    await begin();
    const ready = { name: 'mortgage_denial', version: '1.1.0', state: 'READY', reason: '' };
    expect(await call('RepositoryIndex')).toEqual({
      models: [
        ready,
        { ...ready, version: '1.0.0', state: 'UNAVAILABLE', reason: 'model.onnx is no ONNX file' },
        { name: 'resting', version: '', state: 'UNAVAILABLE', reason: 'unloaded' },
      ],
    });
    expect(await call('RepositoryIndex', { ready: true })).toEqual({ models: [ready] });
    await expect(call('RepositoryIndex', { repository_name: 'r' })).rejects.toThrow(
      /INVALID_ARGUMENT.*repository_name/,
    );
    await begin({ authenticator: scoped('predict:other') });
    expect(await call('RepositoryIndex')).toEqual({});
  });

  it('is changed by an admin, where that is allowed', async () => {
    await begin();
    expect(await call('ServerMetadata')).toMatchObject({ extensions: ['model_repository'] });
    const parameters = { unload_dependents: { bool_param: true } };
    expect(await call('RepositoryModelUnload', { ...ofModel, parameters })).toEqual({});
    expect(await call('RepositoryModelLoad', ofModel)).toEqual({});
    await expect(call('RepositoryModelLoad', { model_name: 'none' })).rejects.toThrow('NOT_FOUND: Model not found');
    expect(control.asked).toEqual(['unload mortgage_denial', 'load mortgage_denial', 'load none']);
  });

  it.each([
    ['files', { parameters: { 'file:1/model.onnx': { bytes_param: Buffer.from('x') } } }, /neither config nor files/],
    ['a configuration', { parameters: { config: { string_param: '{}' } } }, /neither config nor files/],
    ['the name of a repository', { repository_name: 'r' }, /repository_name/],
  ])('takes no %s', async (_, given, words) => {
    await begin();
    for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload']) {
      const refused = expect(call(method, { ...ofModel, ...given })).rejects;
      await refused.toThrow(words);
    }
    expect(control.asked).toEqual([]);
  });

  it.each(['RepositoryModelLoad', 'RepositoryModelUnload'])(
    'refuses %s without the scope or the setting',
    async (method) => {
      await begin({ authenticator: scoped('models:read', 'predict:*') });
      await expect(call(method, ofModel)).rejects.toThrow('PERMISSION_DENIED: This needs the scope admin');
      expect(control.asked).toEqual([]);
      await begin({ control: null });
      await expect(call(method, ofModel)).rejects.toThrow(/PERMISSION_DENIED: .*models.allow_control is off/);
      expect(await call('ServerMetadata')).not.toHaveProperty('extensions');
    },
  );

  it('is asked with the keys and limits of everything else', async () => {
    await begin({ authenticator: new OneKeyAuthenticator(everything) });
    await expect(call('RepositoryIndex')).rejects.toThrow('UNAUTHENTICATED');
    await expect(call('RepositoryModelUnload', ofModel)).rejects.toThrow('UNAUTHENTICATED');
    await begin({ limiter: new FakeLimiter({ allowed: false, limit: 1, remaining: 0, resetSeconds: 5 }) });
    await expect(call('RepositoryModelLoad', ofModel)).rejects.toThrow('RESOURCE_EXHAUSTED');
    expect(control.asked).toEqual([]);
  });
});

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

async function restart(overrides: Partial<GrpcServerParts>): Promise<void> {
  client.close();
  await server.close(1000);
  await start(overrides);
}
