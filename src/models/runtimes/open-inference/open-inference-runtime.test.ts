import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeModelServer, json, type Infer } from '../../../../test/support/fake-model-server.js';
import { Facts, failure, loadFrom, predict, RemoteFixture } from '../../../../test/support/remote-fixture.js';
import { systemClock, type Clock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';
import { runtimeContract } from '../../runtime.contract.js';
import { ModelServers } from '../remote/model-servers.js';

let fixture: RemoteFixture;
beforeEach(async () => {
  fixture = await RemoteFixture.start();
});

describe.each([false, true])('binary tensors: %s', (binary) => {
  let own: FakeModelServer;
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
    return loadFrom(servers, own.url);
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
    const runtime = await fixture.load(fixture.open({ timeoutMs: 400 }));
    fixture.server.infer = infer;
    const error = await failure(predict(runtime));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    fixture.server.infer = undefined;
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
    const runtime = await fixture.load(fixture.open());
    fixture.server.infer = infer;
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
    const runtime = await fixture.load(fixture.open());
    fixture.server.infer = ({ response }) => {
      response.writeHead(status, { location: '/elsewhere', 'retry-after': '7' });
      response.end('{"error":"x was 17"}');
    };
    const error = await failure(predict(runtime));
    expect(error.code).toBe(code);
    expect(error.message).toContain("'half'");
    // What the server says may hold what the caller sent.
    expect(error.message).not.toContain('17');
    if (status === 503) expect(error.retryAfterSeconds).toBe(7);
    expect(fixture.server.paths).not.toContain('GET /elsewhere');
  });

  it('gives NaN as null', async () => {
    const runtime = await fixture.load(fixture.open());
    fixture.server.infer = wrong({ ...good, data: [null] });
    expect(await predict(runtime)).toBeNaN();
  });
});

describe('the signature', () => {
  it('that changes while the version serves is named, and nothing is predicted any more', async () => {
    const runtime = await fixture.load(fixture.open());
    expect(await predict(runtime)).toBe(3);
    fixture.server.metadata = { ...fixture.server.metadata, inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] };
    fixture.server.version = '2';
    const error = await failure(predict(runtime));
    expect(error).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringContaining('has changed its signature') as string,
    });
    expect(fixture.facts.list).toContain('changed: was x FP32[-1,1] → y FP32[-1,1], is x FP32[-1,2] → y FP32[-1,1]');
    const calls = fixture.server.inferCalls;
    expect((await failure(predict(runtime))).message).toContain('has changed its signature');
    expect(fixture.server.inferCalls).toBe(calls);
  });

  it('is looked at again after a while', async () => {
    let now = 0;
    const clock: Clock = { now: () => Date.now(), monotonic: () => now };
    const runtime = await fixture.load(fixture.open({ clock }));
    fixture.server.metadata = {
      ...fixture.server.metadata,
      outputs: [{ name: 'y', datatype: 'FP64', shape: [-1, 1] }],
    };
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
    fixture.server.metadata = { ...fixture.server.metadata, ...change };
    await expect(fixture.load(fixture.open())).rejects.toThrow(message);
  });

  it('tells kind and classes where the server is this program', async () => {
    fixture.server.metadata = { ...fixture.server.metadata, properties: { kind: 'classifier', classes: '["a","b"]' } };
    expect((await fixture.load(fixture.open())).signature).toMatchObject({ kind: 'classifier', classes: ['a', 'b'] });
  });

  it("is asked on behalf of the caller's trace", async () => {
    const runtime = await fixture.load(fixture.open());
    const trace = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'x=1,y=2' };
    const caller = { gone: false, cancel: new AbortController().signal, trace };
    await predict(runtime, new Deadline(systemClock, 20_000, caller));
    expect(fixture.server.headers).toMatchObject(trace);
    await predict(runtime);
    expect(fixture.server.headers).not.toHaveProperty('traceparent');
  });
});
