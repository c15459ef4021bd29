import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../support/program.js';
import { eventually } from '../support/service.js';
import { call, freePort } from './support/call.js';
import { render, templateOf } from './support/resources.js';
import { tool } from './support/tool.js';

const credentials = { AWS_ACCESS_KEY_ID: 'reader', AWS_SECRET_ACCESS_KEY: 'reader-secret' };
let store: ChildProcess;
let endpoint: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 's3-'));
  const port = await freePort();
  endpoint = `http://127.0.0.1:${port}`;
  await tool('s3', ['aws', '--version']); // installs
  store = spawn(path.resolve('test/deploy/tools/s3'), ['serve', String(port)], { stdio: 'ignore' });
  await eventually(async () => (await call(endpoint)).status > 0, 90_000);
});
afterAll(() => {
  store.kill();
  rmSync(folder, { recursive: true, force: true });
});

const files = (where: string): string[] =>
  readdirSync(where, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => path.relative(where, path.join(one.parentPath, one.name)))
    .sort();

describe('models from S3', () => {
  it('the init container fetches the models folder as it is in the bucket, and the program finds no fault with it', async () => {
    const source = ['models.source=s3', 'models.s3.uri=s3://models/production', 'models.s3.region=eu-central-1'];
    const values = [...source, `models.s3.endpointUrl=${endpoint}`, 'models.s3.credentialsSecretName=reader'];
    const [container] = templateOf(await render(...values)).spec.initContainers ?? [];
    expect(container).toMatchObject({ name: 'fetch-models', envFrom: [{ secretRef: { name: 'reader' } }] });

    const given = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
    expect(given['HOME']).toBe('/tmp');
    // Neither settings nor credentials of this machine: what the pod has must do.
    const absent = path.join(folder, 'absent');
    const { HOME: _home, ...settings } = given;
    const env = { ...settings, ...credentials, AWS_CONFIG_FILE: absent, AWS_SHARED_CREDENTIALS_FILE: absent };
    await tool('s3', ['aws', 's3', 'mb', 's3://models'], env);
    await tool('s3', ['aws', 's3', 'cp', '--recursive', '--quiet', 'examples/models', 's3://models/production'], env);

    const [program, ...args] = container?.command ?? [];
    expect(program).toBe('aws');
    const models = path.join(folder, 'models');
    await tool('s3', ['aws', ...args.map((arg) => (arg === '/models' ? models : arg))], env);
    expect(files(models)).toEqual(files('examples/models'));
    for (const file of files(models))
      expect(readFileSync(path.join(models, file)).equals(readFileSync(path.join('examples/models', file))), file).toBe(
        true,
      );
    await runProgram('models', 'check', '--models', models, '--features', 'examples/features.yaml');
  });
});
