import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey } from '../support/program.js';
import { launchService, temporaryFolder, type Service } from '../support/service.js';

interface Outcome {
  readonly status: string;
  readonly message: string;
}
type Story = Record<string, unknown>;

/** How Triton's two clients name the same outcome. */
const sameStatus: Readonly<Record<string, string>> = {
  'StatusCode.INVALID_ARGUMENT': '400',
  'StatusCode.UNAUTHENTICATED': '401',
  'StatusCode.PERMISSION_DENIED': '403',
  'StatusCode.NOT_FOUND': '404',
};

describe("Triton's clients, over HTTP and gRPC", () => {
  const data = temporaryFolder('data');
  let service: Service;
  let answers: { readonly http: Story; readonly grpc: Story; readonly raw: object; readonly 'raw again': object };

  beforeAll(async () => {
    const { secret: admin } = await makeKey(data, '--scope', 'admin');
    const { secret: reader } = await makeKey(data, '--scope', 'models:read');
    service = await launchService({
      data,
      env: {
        INFERENCE_SERVICE__MODELS__DIRECTORY: 'examples/models',
        INFERENCE_SERVICE__FEATURES__FILE: 'examples/features.yaml',
        INFERENCE_SERVICE__HTTP__OPEN_INFERENCE: 'true',
        INFERENCE_SERVICE__GRPC__PORT: '0',
        INFERENCE_SERVICE__MODELS__ALLOW_CONTROL: 'true',
        INFERENCE_SERVICE__AUTH__MODE: 'required',
      },
    });
    const grpcPort = /"port":(\d+)[^\n]*"gRPC listening"/.exec(service.output())?.[1] ?? '';
    const args = [new URL(service.url).port, grpcPort, admin, reader, 'digits', '64'];
    const { stdout } = await promisify(execFile)('test/services/clients/open-inference-control', args, {
      timeout: 900_000,
    });
    answers = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as typeof answers;
  });
  afterAll(async () => {
    await service?.stop('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  });

  const statesOf = (index: unknown) =>
    (index as { name: string; state: string }[]).filter(({ name }) => name === 'digits').map(({ state }) => state);

  it('unload and load a model', () => {
    const { http } = answers;
    expect(['before', 'while unloaded', 'after', 'index by a reader'].map((when) => statesOf(http[when]))).toEqual([
      ['READY'],
      ['UNAVAILABLE'],
      ['READY'],
      ['READY'],
    ]);
    const statuses = Object.entries(http).flatMap(([what, outcome]) => {
      const { status } = outcome as Outcome;
      return status === undefined ? [] : [[what, status]];
    });
    expect(Object.fromEntries(statuses)).toEqual({
      unload: 'done',
      'metadata while unloaded': '404',
      load: 'done',
      files: '400',
      config: '400',
      'load of an unknown model': '404',
      'unload of an unknown model': '404',
      'unload with dependents': 'done',
      'load again': 'done',
      'load by a reader': '403',
      'unload by a reader': '403',
      'index by nobody': '401',
    });
  });

  it('get the same of both', () => {
    const { extensions: overHttp, ...http } = answers.http;
    const { extensions: overGrpc, ...grpc } = answers.grpc;
    // Tensors are binary in gRPC anyway.
    expect([overHttp, overGrpc]).toEqual([['binary_tensor_data', 'model_repository'], ['model_repository']]);
    const renamed = JSON.stringify(grpc).replaceAll(/StatusCode\.\w+/g, (name) => sameStatus[name] ?? name);
    expect(JSON.parse(renamed)).toEqual(http);
  });

  it('read what a raw request is answered, before and after', () => {
    expect(Object.values(answers.raw as Record<string, number[]>).every(([rows]) => rows === 1)).toBe(true);
    expect(answers['raw again']).toEqual(answers.raw);
  });
});
