import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { makeKey } from '../support/program.js';
import { startService, temporaryFolder } from '../support/service.js';

it("Triton's client unloads and loads a model, and raw requests are what it reads", async () => {
  const data = temporaryFolder('data');
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const { secret } = await makeKey(data, '--scope', 'admin');
  const service = await startService({
    data,
    env: {
      INFERENCE_SERVICE__MODELS__DIRECTORY: 'examples/models',
      INFERENCE_SERVICE__FEATURES__FILE: 'examples/features.yaml',
      INFERENCE_SERVICE__HTTP__OPEN_INFERENCE: 'true',
      INFERENCE_SERVICE__MODELS__ALLOW_CONTROL: 'true',
      INFERENCE_SERVICE__AUTH__MODE: 'required',
    },
  });
  const args = [new URL(service.url).port, secret, 'digits', '64'];
  const { stdout } = await promisify(execFile)('test/services/clients/open-inference-control', args, {
    timeout: 900_000,
  });
  const answers = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  const { raw, ...others } = answers;
  expect(Object.values(raw as Record<string, number[]>).every(([rows]) => rows === 1)).toBe(true);
  expect(others).toEqual({
    extensions: ['binary_tensor_data', 'model_repository'],
    unloaded: ['UNAVAILABLE'],
    'ready while unloaded': '404',
    loaded: ['READY'],
    again: true,
    files: '400',
    unknown: '404',
  });
});
