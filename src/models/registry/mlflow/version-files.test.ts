import { readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { answer, halfPlusTwoFiles, heldVersion, mlmodelText } from '../../../../test/support/fake-mlflow.js';
import { MlflowFixture } from '../../../../test/support/mlflow-registry.js';
import { ManualClock } from '../../../shared/clock.js';
import { arrived } from '../registry.contract.js';
import type { Registry } from '../registry.js';

let fixture: MlflowFixture;
const versionOf = async (registry: Registry) => (await arrived(registry)).models[0]?.versions[0];
const problemsOf = async (registry: Registry) =>
  (await versionOf(registry))?.problems.map(({ file, message }) => `${file}: ${message}`);

beforeEach(async () => {
  fixture = await MlflowFixture.start();
  fixture.fake.models = { m: { versions: { 1: heldVersion() } } };
});

describe('the files of a version', () => {
  const external = { ...halfPlusTwoFiles(), 'data/more/weights.bin': 'w', 'data/README': 'r' };

  it.each(['proxy', 'run', 'logged'] as const)('come whole, folders too, by way of the %s', async (artifacts) => {
    fixture.fake.artifacts = artifacts;
    fixture.fake.models = { m: { versions: { 1: heldVersion({ files: external, description: 'Half, and two' }) } } };
    const version = await versionOf(fixture.open());
    const files = (await readdir(version?.folder ?? '', { recursive: true })).sort();
    expect(files).toEqual([
      ...['MLmodel', 'conda.yaml', 'data', 'data/README', 'data/more', 'data/more/weights.bin'],
      ...['model.onnx', 'model.yaml'],
    ]);
    const manifest = await readFile(join(version?.folder ?? '', 'model.yaml'), 'utf8');
    expect(manifest).toContain('description: Half, and two');
    expect(manifest).toContain('- name: x\n    type: number\n');
    expect(version?.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('are those that are known by name, where nothing can be listed', async () => {
    fixture.fake.artifacts = 'unlisted';
    const version = await versionOf(fixture.open());
    expect((await readdir(version?.folder ?? '')).sort()).toEqual(['MLmodel', 'model.onnx', 'model.yaml']);
  });

  it('come by version when the proxy is switched off', async () => {
    fixture.fake.intrude = (path, response) => path.includes('/mlflow-artifacts/') && answer(response, 503, 'off');
    const version = await versionOf(fixture.open());
    expect(version?.problems).toEqual([]);
    expect((await readdir(version?.folder ?? '')).sort()).toEqual(['MLmodel', 'model.onnx', 'model.yaml']);
  });

  it('hold a model.yaml of their own, which counts', async () => {
    const files = {
      ...halfPlusTwoFiles(),
      MLmodel: mlmodelText(null),
      'model.yaml': 'features: [{name: x, type: number}]\n',
    };
    fixture.fake.models = { m: { versions: { 1: heldVersion({ files }) } } };
    const version = await versionOf(fixture.open());
    expect(await readFile(join(version?.folder ?? '', 'model.yaml'), 'utf8')).toBe(files['model.yaml']);
  });

  it('hold a model.yaml that sends rows elsewhere: it is refused', async () => {
    const files = { ...halfPlusTwoFiles(), 'model.yaml': 'runtime: open-inference\nurl: http://elsewhere:1\n' };
    fixture.fake.models = { m: { versions: { 1: heldVersion({ files }) } } };
    expect((await problemsOf(fixture.open()))?.[0]).toContain('model.yaml names a url: in MLflow it may not');
  });

  it('of another flavour are not fetched, and computed by the scoring server that is configured', async () => {
    const MLmodel = mlmodelText().replace('  onnx:\n    data: model.onnx\n', '  sklearn: {}\n');
    fixture.fake.models = { m: { versions: { 1: heldVersion({ files: { MLmodel, 'model.skops': 'x' } }) } } };
    expect(await problemsOf(fixture.open())).toEqual([
      'MLmodel: has the flavours python_function, sklearn, of which none computes here: log it with mlflow.onnx, or name its scoring server in mlflow.scoring_urls',
    ]);
    expect(fixture.fake.count('model.skops')).toBe(0);
    for (const urls of [new Map([['m', 'http://m-{version}']]), new Map([['m/1', 'http://m-1']])]) {
      const version = await versionOf(fixture.open({ scoringUrls: urls }));
      expect([version?.remote?.runtime, version?.remote?.url, version?.problems]).toEqual(['mlflow', 'http://m-1', []]);
    }
  });

  const column = (text: string) => `[{"type": "${text}", "name": "x"}]`;
  it.each([
    ['no signature', mlmodelText(null), /^MLflow: MLmodel has no signature.*input_example/],
    ['a column that no feature can be', mlmodelText(column('binary')), /x is "binary", which no feature can be/],
    ['columns without names', mlmodelText('[{"type": "double"}]'), /without names of columns/],
    ['a signature that is no JSON', mlmodelText('nonsense'), /signature.inputs is no JSON/],
    ['a tensor whose width varies', mlmodelText(tensor([-1, -1])), /more than the rows of 'input' varies/],
    ['a tensor with a fixed number of rows', mlmodelText(tensor([4, 4])), /must be the rows/],
    ['an MLmodel that is no YAML', 'a: [', /MLmodel is no YAML/],
    ['an MLmodel that is text', 'hello', /is not the description of a model/],
    [
      'another name of the graph',
      mlmodelText().replace('data: model.onnx', 'data: other.onnx'),
      /should be model.onnx/,
    ],
  ])('with %s make a version that fails and says so', async (_, MLmodel, message) => {
    fixture.fake.models = { m: { versions: { 1: heldVersion({ files: { ...halfPlusTwoFiles(), MLmodel } }) } } };
    expect((await problemsOf(fixture.open()))?.[0]).toMatch(message);
  });

  it.each(['../outside', 'a/b', '..', '/etc/passwd', 'a\\b', 'C:x', 'a\u0000b'])(
    'whose path is %j are refused, and nothing is written',
    async (path) => {
      fixture.fake.intrude = (asked, response) =>
        asked.endsWith('mlflow-artifacts/artifacts') &&
        answer(response, 200, JSON.stringify({ files: [{ path, is_dir: false, file_size: 1 }] }));
      expect((await problemsOf(fixture.open()))?.[0]).toContain('path is not safe');
      expect((await readdir(fixture.folder, { recursive: true })).sort()).toEqual([
        'models',
        'models/m',
        'registry.json',
      ]);
    },
  );

  it('are refused when a run lists what is outside of the model', async () => {
    fixture.fake.artifacts = 'run';
    fixture.fake.intrude = (asked, response) =>
      asked.endsWith('artifacts/list') && answer(response, 200, JSON.stringify({ files: [{ path: 'other/x' }] }));
    expect((await problemsOf(fixture.open()))?.[0]).toContain('lists a file outside of the version');
  });

  it.each([
    ['listed as too large', { maxVersionBytes: 100 }, undefined],
    ['larger than listed', { maxVersionBytes: 5000 }, 'x'.repeat(6000)],
  ])('are refused when %s', async (_, options, intruded) => {
    fixture.fake.intrude = (asked, response) =>
      intruded !== undefined && asked.endsWith('/model.onnx') && answer(response, 200, intruded);
    expect((await problemsOf(fixture.open(options)))?.[0]).toMatch(
      /more than \d+ bytes, which mlflow.max_version_bytes/,
    );
  });

  it.each([
    ['never end', (response: ServerResponse) => response.writeHead(200).write('x'), /did not answer in time/],
    [
      'break off',
      (response: ServerResponse) => response.writeHead(200).write('x', () => response.destroy()),
      /model.onnx: MLflow/,
    ],
    [
      'are forbidden',
      (response: ServerResponse) => answer(response, 403, '{"message": "no\\nrights"}'),
      /answers 403: no rights/,
    ],
  ])('that %s fail the version, and are fetched again later', async (_, fault, message) => {
    const clock = new ManualClock();
    fixture.fake.intrude = (asked, response) => asked.endsWith('/model.onnx') && fault(response);
    const registry = fixture.open({ clock, downloadMs: 300 });
    expect((await problemsOf(registry))?.[0]).toMatch(message);
    fixture.fake.intrude = () => false;
    clock.advance(6000);
    await expect.poll(() => problemsOf(registry)).toEqual([]);
  });
});

function tensor(shape: readonly number[]): string {
  return JSON.stringify([{ type: 'tensor', 'tensor-spec': { dtype: 'float32', shape } }]);
}
