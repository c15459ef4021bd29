import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeModelServer, json, type Infer } from '../../../../test/support/fake-model-server.js';
import { systemClock, type Clock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';
import type { ServiceError } from '../../../shared/errors.js';
import { runtimeContract } from '../../runtime.contract.js';
import type { TensorMap } from '../../runtime.js';
import { loadOpenInferenceRuntime } from './load-open-inference-runtime.js';
import { ModelServers } from './model-servers.js';
import type { OpenInferenceRuntime } from './open-inference-runtime.js';

class Facts {
  readonly list: string[] = [];
  breakerChanged({ state }: { readonly state: string }): void {
    this.list.push(`breaker ${state}`);
  }
  serverCalled({ result }: { readonly result: string }): void {
    this.list.push(result);
  }
  signatureChanged({ change }: { readonly change: string }): void {
    this.list.push(`changed: ${change}`);
  }
}

let server: FakeModelServer;
let facts: Facts;
let opened: ModelServers[] = [];

beforeEach(async () => {
  server = await FakeModelServer.start();
  facts = new Facts();
});
afterEach(async () => {
  for (const servers of opened) await servers.close();
  opened = [];
  await server.stop();
});

interface Setting {
  readonly timeoutMs?: number;
  readonly recoveryMs?: number;
  readonly clock?: Clock;
  readonly own?: { readonly url: string; readonly apiKey?: string };
}

function open({ timeoutMs = 5000, recoveryMs = 60_000, clock = systemClock, own }: Setting = {}): ModelServers {
  const servers = new ModelServers({ timeoutMs, failureThreshold: 0.5, recoveryMs, own, clock, observer: facts });
  opened.push(servers);
  return servers;
}

function load(servers: ModelServers, url = server.url): Promise<OpenInferenceRuntime> {
  const remote = { runtime: 'open-inference', url, model: 'half', version: undefined } as const;
  return loadOpenInferenceRuntime({ modelId: 'half', remote, servers });
}

const rows = (...values: number[]): TensorMap => ({
  x: { type: 'float32', dims: [values.length, 1], data: Float32Array.from(values) },
});
const within = (milliseconds = 20_000) => new Deadline(systemClock, milliseconds);
const predict = async (runtime: OpenInferenceRuntime, deadline = within()) =>
  (await runtime.predictBatch(rows(2), 1, deadline))['y']?.data[0];
const failure = (work: Promise<unknown>): Promise<ServiceError> =>
  work.then(
    () => expect.unreachable('it should fail'),
    (error: unknown) => error as ServiceError,
  );

describe.each([false, true])('binary tensors: %s', (binary) => {
  let own: FakeModelServer;
  beforeEach(() => {
    server.binary = binary;
  });
  runtimeContract(`open-inference, binary ${binary}`, async () => {
    own ??= await FakeModelServer.start();
    own.binary = binary;
    const servers = new ModelServers({
      timeoutMs: 5000,
      failureThreshold: 0.5,
      recoveryMs: 60_000,
      clock: systemClock,
      observer: new Facts(),
    });
    return load(servers, own.url);
  });
});

/** The eight faults of a backend, and what a caller gets for each: never a bare 500, never a wrong prediction. */
const faults: readonly (readonly [string, Infer, string, RegExp])[] = [
  ['hangs', () => undefined, 'INFERENCE_TIMEOUT', /did not answer in time/],
  ['resets', ({ response }) => void response.socket?.resetAndDestroy(), 'SERVICE_UNAVAILABLE', /broke off/],
  [
    'is slower than the limit',
    ({ response }) => void setTimeout(() => json(response, {}), 3000).unref(),
    'INFERENCE_TIMEOUT',
    /in time/,
  ],
  [
    'truncates its answer',
    ({ response }) => {
      response.writeHead(200, { 'content-length': '500' });
      response.write('{"outputs":', () => response.destroy());
    },
    'SERVICE_UNAVAILABLE',
    /broke off/,
  ],
  [
    'answers garbage',
    ({ response }) => void response.end('<html>'),
    'INTERNAL_ERROR',
    /no prediction of model 'half'.*not JSON/,
  ],
  [
    'answers 10 MB',
    ({ response }) => void response.end(Buffer.alloc(10_000_000, ' ')),
    'INTERNAL_ERROR',
    /no prediction of model 'half'.*longer than/,
  ],
  [
    'sends a byte now and then',
    ({ response }) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    },
    'INFERENCE_TIMEOUT',
    /in time/,
  ],
  [
    'answers another shape',
    ({ response }) => json(response, { outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 1], data: [1, 2] }] }),
    'INTERNAL_ERROR',
    /no prediction of model 'half'.*shape \[2, 1\], not \[1, 1\]/,
  ],
];

describe('a model server that', () => {
  it.each(faults)('%s', async (_name, infer, code, message) => {
    const runtime = await load(open({ timeoutMs: 400 }));
    server.infer = infer;
    const error = await failure(predict(runtime));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    server.infer = undefined;
    expect(await predict(runtime)).toBe(3);
  });

  const wrong =
    (output: object): Infer =>
    ({ response }) =>
      json(response, { outputs: [output] });
  const good = { name: 'y', datatype: 'FP32', shape: [1, 1], data: [1] };
  it.each([
    ['another datatype', wrong({ ...good, datatype: 'FP64' }), /is FP64, not FP32/],
    ['an unknown datatype', wrong({ ...good, datatype: 'BF16' }), /datatype/],
    ['no such output', wrong({ ...good, name: 'z' }), /'y' is missing/],
    ['text for a number', wrong({ ...good, data: ['1'] }), /an element of FP32 is string/],
    ['too few elements', wrong({ ...good, data: [] }), /needs 1 elements, there are 0/],
    ['a binary part that is cut off', wrong({ ...good, parameters: { binary_data_size: 4 } }), /needs 4 bytes/],
    ['no outputs', ({ response }: { readonly response: ServerResponse }) => json(response, [1]), /has no outputs/],
  ] as const)('answers with %s', async (_name, infer, message) => {
    const runtime = await load(open());
    server.infer = infer;
    expect(await failure(predict(runtime))).toMatchObject({
      code: 'INTERNAL_ERROR',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    [400, 'INTERNAL_ERROR'],
    [404, 'SERVICE_UNAVAILABLE'],
    [302, 'SERVICE_UNAVAILABLE'],
    [500, 'INTERNAL_ERROR'],
    [503, 'SERVICE_UNAVAILABLE'],
    [504, 'INFERENCE_TIMEOUT'],
  ])('answers %i', async (status, code) => {
    const runtime = await load(open());
    server.infer = ({ response }) => {
      response.writeHead(status, { location: '/elsewhere', 'retry-after': '7' });
      response.end('{"error":"x was 17"}');
    };
    const error = await failure(predict(runtime));
    expect(error.code).toBe(code);
    expect(error.message).toContain("'half'");
    // What the server says may hold what the caller sent.
    expect(error.message).not.toContain('17');
    if (status === 503) expect(error.retryAfterSeconds).toBe(7);
    expect(server.paths).not.toContain('GET /elsewhere');
  });

  it('gives NaN as null', async () => {
    const runtime = await load(open());
    server.infer = wrong({ ...good, data: [null] });
    expect(await predict(runtime)).toBeNaN();
  });
});

describe('the breaker', () => {
  it('opens after five failures in a row; then the server gets no call, and the error says when to come back (demand 12)', async () => {
    const runtime = await load(open());
    server.infer = ({ response }) => json(response, { error: 'no' }, 503);
    for (let i = 0; i < 5; i++) await failure(predict(runtime));
    const calls = server.inferCalls;
    const started = performance.now();
    const error = await failure(predict(runtime));
    expect(performance.now() - started).toBeLessThan(50);
    expect(error.code).toBe('SERVICE_UNAVAILABLE');
    expect(error.retryAfterSeconds).toBeGreaterThanOrEqual(59);
    expect(error.retryAfterSeconds).toBeLessThanOrEqual(66);
    expect(server.inferCalls).toBe(calls);
    expect(facts.list).toContain('breaker open');
    expect(facts.list.at(-1)).toBe('refused');
  });

  it('closes once the server answers again', async () => {
    const runtime = await load(open({ recoveryMs: 50 }));
    server.infer = ({ response }) => json(response, {}, 503);
    for (let i = 0; i < 5; i++) await failure(predict(runtime));
    server.infer = undefined;
    await expect.poll(() => predict(runtime).catch(() => 0), { timeout: 20_000 }).toBe(3);
    await expect
      .poll(() => predict(runtime).then(() => facts.list.includes('breaker closed')), { timeout: 20_000 })
      .toBe(true);
  });

  it('does not count what the caller did wrong, nor callers who leave', async () => {
    const runtime = await load(open());
    server.infer = ({ response }) => json(response, { error: 'bad rows' }, 400);
    for (let i = 0; i < 20; i++) await failure(predict(runtime));
    server.infer = () => undefined;
    for (let i = 0; i < 6; i++) {
      const leaving = new AbortController();
      const caller = {
        cancel: leaving.signal,
        get gone() {
          return leaving.signal.aborted;
        },
      };
      const call = failure(runtime.predictBatch(rows(1), 1, new Deadline(systemClock, 20_000, caller)));
      setTimeout(() => leaving.abort(), 20);
      expect((await call).code).toBe('INFERENCE_TIMEOUT');
    }
    server.infer = undefined;
    expect(await predict(runtime)).toBe(3);
    expect(facts.list).not.toContain('breaker open');
  });

  it('ends a call with the deadline of its caller, before the limit of an attempt', async () => {
    const runtime = await load(open());
    server.infer = () => undefined;
    const started = performance.now();
    expect((await failure(predict(runtime, within(100)))).code).toBe('INFERENCE_TIMEOUT');
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe('retries', () => {
  it('are made only where nothing was sent: a server that fails gets each call once (demand 33)', async () => {
    const runtime = await load(open());
    server.infer = ({ response }) => void response.socket?.resetAndDestroy();
    for (let i = 0; i < 4; i++) await failure(predict(runtime));
    expect(server.inferCalls).toBe(4);
  });

  it('end when their budget is used up, and nobody waits', async () => {
    const runtime = await load(open());
    await server.stop();
    const started = performance.now();
    for (let i = 0; i < 20; i++) expect((await failure(predict(runtime))).code).toBe('SERVICE_UNAVAILABLE');
    expect(performance.now() - started).toBeLessThan(5000);
    // The connection of the load may still have been there for the first.
    expect(facts.list.filter((fact) => fact === 'unreachable' || fact === 'broken_off')).toHaveLength(5);
    server = await FakeModelServer.start();
  });
});

describe('the signature', () => {
  it('that changes while the version serves is named, and nothing is predicted any more', async () => {
    const runtime = await load(open());
    expect(await predict(runtime)).toBe(3);
    server.metadata = { ...server.metadata, inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] };
    server.version = '2';
    const error = await failure(predict(runtime));
    expect(error).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringContaining('has changed its signature') as string,
    });
    expect(facts.list).toContain('changed: was x FP32[-1,1] → y FP32[-1,1], is x FP32[-1,2] → y FP32[-1,1]');
    const calls = server.inferCalls;
    expect((await failure(predict(runtime))).message).toContain('has changed its signature');
    expect(server.inferCalls).toBe(calls);
  });

  it('is looked at again after a while', async () => {
    let now = 0;
    const clock: Clock = { now: () => Date.now(), monotonic: () => now };
    const runtime = await load(open({ clock }));
    server.metadata = { ...server.metadata, outputs: [{ name: 'y', datatype: 'FP64', shape: [-1, 1] }] };
    now = 11_000;
    await expect
      .poll(() => predict(runtime).catch((error: Error) => error.message))
      .toMatch(/has changed its signature/);
  });

  it.each([
    ['no inputs', { inputs: [] }, /names no inputs/],
    [
      'an unknown datatype',
      { inputs: [{ name: 'x', datatype: 'BF16', shape: [-1] }] },
      /'x' has a datatype that is not supported: "BF16"/,
    ],
    ['no shape', { outputs: [{ name: 'y', datatype: 'FP32' }] }, /'y' has no shape/],
    [
      'no output for each row',
      { outputs: [{ name: 'y', datatype: 'FP32', shape: [3] }] },
      /no output with a value for each row/,
    ],
  ])('with %s is refused at load', async (_name, change, message) => {
    server.metadata = { ...server.metadata, ...change };
    await expect(load(open())).rejects.toThrow(message);
  });

  it('tells kind and classes where the server is this program', async () => {
    server.metadata = { ...server.metadata, properties: { kind: 'classifier', classes: '["a","b"]' } };
    expect((await load(open())).signature).toMatchObject({ kind: 'classifier', classes: ['a', 'b'] });
  });
});

describe('loading', () => {
  it('from a server that is out of reach may be tried again', async () => {
    const { url } = server;
    await server.stop();
    await expect(load(open(), url)).rejects.toMatchObject({ passing: true });
    server = await FakeModelServer.start();
  });

  it.each(['ftp://x', 'http://user:pw@host', 'http://host/?a=1', 'nonsense'])('refuses the URL %s', async (url) => {
    await expect(load(open(), url)).rejects.toMatchObject({ passing: false });
  });

  it('knows whether all its servers can be called', async () => {
    const servers = open();
    const runtime = await load(servers);
    expect(servers.health()).toBe('healthy');
    server.infer = ({ response }) => json(response, {}, 503);
    for (let i = 0; i < 5; i++) await failure(predict(runtime));
    expect(servers.health()).toBe('degraded');
  });
});
