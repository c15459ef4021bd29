import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FakeScoringServer, predictions } from '../../../../test/support/fake-scoring-server.js';
import { Facts, failure, within } from '../../../../test/support/remote-fixture.js';
import { systemClock } from '../../../shared/clock.js';
import type { TensorMap } from '../../runtime.js';
import { runtimeContract } from '../../runtime.contract.js';
import { ModelServers } from '../remote/model-servers.js';
import type { RemoteRuntime } from '../remote/remote-runtime.js';
import { loadMlflowRuntime } from './load-mlflow-runtime.js';

const tensor = (name: string, shape: readonly number[], dtype = 'float32') => ({
  ...{ name, type: 'tensor', 'tensor-spec': { dtype, shape } },
});
const named = { inputs: [tensor('x', [-1, 1])], outputs: [tensor('y', [-1, 1])] };
const servers = (timeoutMs: number) =>
  new ModelServers({
    ...{ timeoutMs, failureThreshold: 0.5, recoveryMs: 60_000, clock: systemClock, observer: new Facts() },
  });

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A version's folder with an MLmodel of this signature; undefined: without MLmodel. */
async function folderOf(signature: { inputs?: object; outputs?: object } | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mlflow-runtime-'));
  folders.push(folder);
  if (signature === undefined) return folder;
  const sides = Object.entries(signature).map(([side, specs]) => `  ${side}: '${JSON.stringify(specs)}'\n`);
  await writeFile(join(folder, 'MLmodel'), `flavors:\n  sklearn: {}\nsignature:\n${sides.join('')}`);
  return folder;
}

async function load(
  url: string,
  signature: Parameters<typeof folderOf>[0],
  timeoutMs = 20_000,
): Promise<RemoteRuntime> {
  const remote = { runtime: 'mlflow', url, model: 'm', version: '1' } as const;
  return loadMlflowRuntime({ modelId: 'm', folder: await folderOf(signature), remote, servers: servers(timeoutMs) });
}

let contractServer: FakeScoringServer | undefined;
runtimeContract('mlflow', async () => {
  contractServer ??= await FakeScoringServer.start();
  return load(contractServer.url, named);
});
afterAll(() => contractServer?.stop());

let server: FakeScoringServer;
beforeEach(async () => {
  server = await FakeScoringServer.start();
  onTestFinished(() => server.stop());
});

const ask = async (runtime: RemoteRuntime, inputs: TensorMap, rows: number) => {
  const outputs = await runtime.predictBatch(inputs, rows, within());
  return Object.fromEntries(Object.entries(outputs).map(([name, { data, dims }]) => [name, [...data, dims]]));
};
const floats = (...values: number[]): TensorMap => ({
  x: { type: 'float32', dims: [values.length, 1], data: Float32Array.from(values) },
});

describe('what is sent', () => {
  it('a DataFrame where the signature has columns, each value in its own form', async () => {
    const columns = ['double', 'long', 'boolean', 'string'].map((type) => ({ type, name: `a ${type}` }));
    const runtime = await load(server.url, { inputs: columns, outputs: [{ type: 'double' }] });
    server.invoke = (response, x) =>
      predictions(
        response,
        x.map(() => 1),
      );
    await ask(
      runtime,
      {
        'a double': { type: 'float64', dims: [2], data: Float64Array.of(0.1, NaN) },
        'a long': { type: 'int64', dims: [2], data: BigInt64Array.of(9007199254740993n, -1n) },
        'a boolean': { type: 'bool', dims: [2], data: Uint8Array.of(1, 0) },
        'a string': { type: 'string', dims: [2], data: ['"', ''] },
      },
      2,
    );
    expect(server.bodies).toEqual([
      '{"dataframe_split":{"columns":["a double","a long","a boolean","a string"],"data":[[0.1,9007199254740993,true,"\\""],[null,-1,false,""]]}}',
    ]);
  });

  it('nested lists where it has tensors, under their names if they have any', async () => {
    const specs = [tensor('x', [-1, 1]), tensor('z', [-1, 2, 2])];
    const runtime = await load(server.url, { inputs: specs, outputs: named.outputs });
    const z = { type: 'float32', dims: [1, 2, 2], data: Float32Array.of(1, 2, 3, 4) } as const;
    await ask(runtime, { ...floats(6), z }, 1);
    const unnamed = [{ type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 2] } }];
    const plain = await load(server.url, { inputs: unnamed, outputs: named.outputs });
    await ask(plain, { input: { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) } }, 2);
    expect(server.bodies).toEqual(['{"inputs":{"x":[[6]],"z":[[[1,2],[3,4]]]}}', '{"inputs":[[1,2],[3,4]]}']);
  });
});

describe('what is understood', () => {
  const long = { type: 'tensor', 'tensor-spec': { dtype: 'int64', shape: [-1] } };
  it.each([
    ['a list', [long], [7, 8], { prediction: [7n, 8n, [2]] }],
    [
      'a list of lists',
      [tensor('y', [-1, 2])],
      [
        [1, 2],
        [3, 4],
      ],
      { y: [1, 2, 3, 4, [2, 2]] },
    ],
    ['lists of a width that varies', [tensor('y', [-1, -1])], [[1], [2]], { y: [1, 2, [2, 1]] }],
    [
      'records',
      [
        { type: 'double', name: 'p' },
        { type: 'string', name: 'q' },
      ],
      [
        { p: 1, q: 'a' },
        { p: null, q: 'b' },
      ],
      { p: [1, NaN, [2]], q: ['a', 'b', [2]] },
    ],
    ['records of one column without a name', [{ type: 'long' }], [{ 0: 5 }, { 0: 6 }], { prediction: [5n, 6n, [2]] }],
    [
      'lists by name',
      [tensor('y', [-1]), tensor('z', [-1])],
      { y: [1, 2], z: [3, 4] },
      { y: [1, 2, [2]], z: [3, 4, [2]] },
    ],
  ])('%s', async (_, outputs, value, expected) => {
    const runtime = await load(server.url, { inputs: named.inputs, outputs });
    server.invoke = (response) => predictions(response, value);
    expect(await ask(runtime, floats(1, 2), 2)).toEqual(expected);
  });
});

it('takes NaN and the infinities, which Python writes and JSON lacks, for NaN', async () => {
  const outputs = [
    { type: 'double', name: 'p' },
    { type: 'string', name: 'q' },
  ];
  const runtime = await load(server.url, { inputs: named.inputs, outputs });
  server.invoke = (response) =>
    response.end('{"predictions": [{"p": NaN, "q": "NaN, \\"Infinity"}, {"p": -Infinity, "q": ""}]}');
  expect(await ask(runtime, floats(1, 2), 2)).toEqual({ p: [NaN, NaN, [2]], q: ['NaN, "Infinity', '', [2]] });
});

describe('answers that are no prediction of the model', () => {
  const two = [tensor('y', [-1]), tensor('z', [-1])];
  const write = (text: string) => (response: ServerResponse) => void response.end(text);
  const say = (value: unknown) => (response: ServerResponse) => predictions(response, value);
  it.each([
    ['no JSON', named.outputs, write('<html>'), 'it is not JSON'],
    ['nothing', named.outputs, write('{}'), 'it has no predictions'],
    ['a number', named.outputs, say(7), 'its predictions are integer'],
    ['too few rows', named.outputs, say([[1]]), "output 'y' has 1 rows, not 2"],
    ['too many rows', named.outputs, say([[1], [2], [3]]), "output 'y' has 3 rows, not 2"],
    [
      'rows that are too wide',
      named.outputs,
      say([
        [1, 2],
        [3, 4],
      ]),
      "output 'y': its data is nested, but not to the shape",
    ],
    ['text', named.outputs, say([['a'], ['b']]), "output 'y': an element of FP32 is string"],
    ['a record without the column', two, say([{ y: 1 }, { y: 2 }]), "output 'z' is missing"],
    ['no names where there must be', two, say([1, 2]), "output 'y' is missing: its predictions have no names"],
    ['far too much', named.outputs, write(' '.repeat(100_000)), 'the answer is longer than'],
  ])('%s', async (_, outputs, invoke, message) => {
    const runtime = await load(server.url, { inputs: named.inputs, outputs });
    server.invoke = invoke;
    const error = await failure(ask(runtime, floats(1, 2), 2));
    expect(error.code).toBe('INTERNAL_ERROR');
    expect(error.message).toContain(`What the model server answered is no prediction of model 'm': ${message}`);
  });
});

describe('a scoring server that does not score', () => {
  it.each([
    ['refuses the rows', 400, 'INTERNAL_ERROR'],
    ['is overloaded', 503, 'SERVICE_UNAVAILABLE'],
    ['redirects', 307, 'SERVICE_UNAVAILABLE'],
    ['ran out of time', 504, 'INFERENCE_TIMEOUT'],
  ])('%s', async (_, status, code) => {
    const runtime = await load(server.url, named);
    server.invoke = (response) => void response.writeHead(status, { location: '/ping' }).end('{"message": "a"}');
    expect((await failure(ask(runtime, floats(1), 1))).code).toBe(code);
  });

  it('hangs: 504 at the time limit; after five in a row the breaker answers', async () => {
    const runtime = await load(server.url, named, 300);
    server.invoke = () => undefined;
    for (let i = 0; i < 5; i++) expect((await failure(ask(runtime, floats(1), 1))).code).toBe('INFERENCE_TIMEOUT');
    const calls = server.bodies.length;
    expect((await failure(ask(runtime, floats(1), 1))).message).toContain('has failed too often');
    expect(server.bodies).toHaveLength(calls);
  });
});

describe('what keeps a version from being loaded', () => {
  it.each([
    ['no MLmodel', undefined, /needs the model's MLmodel in the version's folder/],
    ['no signature', {}, /MLmodel has no signature, by which answers/],
    ['no outputs in it', { inputs: named.inputs }, /MLmodel has no outputs in its signature/],
    [
      'outputs without names',
      { inputs: named.inputs, outputs: [{ type: 'double' }, { type: 'double' }] },
      /several outputs without names/,
    ],
  ])('%s', async (_, signature, message) => {
    await expect(load(server.url, signature)).rejects.toThrow(message);
  });

  it('a server that is not ready, or not there: it is asked again later', async () => {
    server.ready = false;
    await expect(load(server.url, named)).rejects.toMatchObject({ passing: true, message: /\/ping answers 404/ });
    await expect(load('http://127.0.0.1:9', named)).rejects.toMatchObject({ passing: true });
    await expect(load('ftp://x', named)).rejects.toThrow('http(s)://host:port');
  });
});
