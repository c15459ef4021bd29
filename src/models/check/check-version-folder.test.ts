import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/clock.js';
import { ImportRefused, importModel, type ImportOptions } from '../import/import-model.js';
import { promoteVersion, retireVersion } from '../import/edit-aliases.js';
import type { FeatureViewSource, FeatureViewSources } from '../lifecycle/stored-features.js';
import { ModelLoadError } from '../model-load-error.js';
import { loadOnnxRuntime } from '../runtimes/onnx/load-onnx-runtime.js';
import { problemText } from '../version-problem.js';
import { checkVersionFolder } from './check-version-folder.js';

const models = 'test/fixtures/models';
const view: Omit<FeatureViewSource, 'features'> = {
  entity: 'id',
  onMissing: 'fail',
  onStale: 'fail',
  onUnavailable: 'fail',
};
const profile = {
  ...view,
  entity: 'applicant_id',
  features: [
    { name: 'consumer_credit_score', type: 'integer' as const },
    { name: 'mortgage_credit_score', type: 'integer' as const },
    { name: 'public_bad_credit_record', type: 'boolean' as const },
  ],
};
const views: FeatureViewSources = new Map<string, FeatureViewSource>([
  ['applicant_profile', profile],
  [
    'v',
    {
      ...view,
      features: [
        { name: 'n', type: 'number' as const },
        { name: 's', type: 'string' as const },
      ],
    },
  ],
  ['lenient', { ...view, onStale: 'default', features: [{ name: 'n', type: 'integer' as const }] }],
]);
const nothing = () => {};
const observer = {
  workerStarted: nothing,
  workerCrashed: nothing,
  compiledChecked: nothing,
  compiledCheckFailed: nothing,
  compiledDropped: nothing,
};
const check = (directory: string) =>
  checkVersionFolder(directory, {
    loadRuntime: (source) =>
      loadOnnxRuntime({
        ...source,
        options: { worker_threshold_us: 1e9 },
        observer,
        clock: systemClock,
        executor: 'inline',
      }),
    views,
    clock: systemClock,
  });

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'models-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function version(onnx: string, manifest?: string) {
  const folder = join(root, 'm', '1');
  await mkdir(folder, { recursive: true });
  await copyFile(join(models, onnx), join(folder, 'model.onnx'));
  if (manifest !== undefined) await writeFile(join(folder, 'model.yaml'), manifest);
  return folder;
}
const problemsOf = async (directory: string) => (await check(directory)).problems.map(problemText);

describe('models check', () => {
  it.each(['mortgage_denial/1.0.0', 'mortgage_denial/1.1.0', 'diabetes/1', 'digits/1.0.0', 'penguins/1.0.0'])(
    'finds the example %s good, golden rows included',
    async (name) => {
      const result = await check(`examples/models/${name}`);
      expect(result).toMatchObject({ ok: true, problems: [], version: name.split('/')[1] });
      expect(result.golden.length).toBeGreaterThan(2);
    },
  );

  it('needs no model.yaml where the graph names its features', async () => {
    const result = await check(await version('named-columns.onnx'));
    expect(result.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(Object.keys(result.signature?.features['properties'] ?? {})).toEqual(
      result.signature?.inputs.map(({ name }) => name),
    );
  });

  it('asks for the names of columns that the graph does not name', async () => {
    const [problem] = await problemsOf(await version('zipmap-strings.onnx'));
    expect(problem).toMatch(
      /^model.yaml: must name the \d+ columns of input '.*' under `features`: the graph does not$/,
    );
  });

  it.each([
    'empty.onnx',
    'truncated.onnx',
    'not-onnx.txt',
    'too-new-opset.onnx',
    'too-new-ir.onnx',
    'unknown-operator.onnx',
    'unknown-domain.onnx',
    'pickle.onnx',
    'sequence-output.onnx',
  ])('names what is wrong with %s', async (name) => {
    const result = await check(await version(name));
    expect(result).toMatchObject({ ok: false, golden: [] });
    expect(result.problems[0]).toMatchObject({ file: 'model.onnx', severity: 'error' });
    expect(result.problems[0]?.message).not.toContain(root);
  });

  it('refuses external data outside of the folder', async () => {
    await mkdir(join(root, 'm'), { recursive: true });
    await cp(join(models, 'external-data-outside'), join(root, 'm', '1'), { recursive: true });
    const [file] = (await readdir(join(root, 'm', '1'))).filter((name) => name.endsWith('.onnx'));
    if (file !== 'model.onnx') await copyFile(join(root, 'm', '1', file ?? ''), join(root, 'm', '1', 'model.onnx'));
    expect((await problemsOf(join(root, 'm', '1')))[0]).toMatch(/^model.onnx: /);
  });

  it('lists what is wrong with manifest and graph at once', async () => {
    const found = await problemsOf(await version('truncated.onnx', 'features:\n  - {name: a, type: number, mni: 1}\n'));
    expect(found).toHaveLength(2);
    expect(found[0]).toBe('model.yaml:2 features[0].mni: is not a known key; did you mean min?');
    expect(found[1]).toMatch(/^model.onnx: /);
  });

  it.each([
    ['a feature that the graph does not have', 'inputs: {nope: x}', /inputs: the graph has no input 'nope'/],
    [
      'an expression that does not compile',
      'prediction: {y: "wrong +"}',
      /^model.yaml:4 prediction.y: Unexpected token/m,
    ],
    ['another runtime', 'runtime: mlflow', /^model.yaml:4 runtime: mlflow needs a model server/m],
    ['a golden row of NaN', 'prediction: {y: "0.0 / 0.0"}', /gave no usable prediction: y is NaN/],
  ])('names %s', async (_, lines, message) => {
    const folder = await version('half-plus-two.onnx', `features:\n  - {name: x, type: number}\n# then\n${lines}\n`);
    expect((await problemsOf(folder)).join('\n')).toMatch(message);
  });

  it.each([
    ['an unknown view', 'from: vv.n', /names the unknown feature view vv; did you mean v\?/],
    ['an unknown feature of a view', 'from: v.nn', /names nn, which view v does not have; did you mean n\?/],
    ['a stored feature of another type', 'from: v.s', /is string in the view; this feature is number/],
    [
      'a view that defaults, without a default',
      'from: lenient.n',
      /needs a default: view lenient says default for on_stale/,
    ],
  ])('names %s', async (_, from, message) => {
    const folder = await version('half-plus-two.onnx', `features:\n  - {name: x, type: number, ${from}}\n`);
    expect((await problemsOf(folder)).join('\n')).toMatch(message);
  });

  it('takes an integer view for a number, and a view that defaults for a feature with a default', async () => {
    const folder = await version(
      'half-plus-two.onnx',
      'features:\n  - {name: x, type: number, default: 1, from: lenient.n}\n',
    );
    expect((await check(folder)).problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('names a feature that nothing uses', async () => {
    const manifest = 'features:\n  - {name: a, type: number}\n  - {name: b, type: number}\ninputs: {x: a}\n';
    const folder = await version('half-plus-two.onnx', manifest);
    expect((await problemsOf(folder)).join('\n')).toMatch(
      /features\[1\]: b feeds no input of the graph and no expression reads it/,
    );
  });

  it('scores golden rows', async () => {
    const examples =
      'examples:\n  - {features: {x: 2}, prediction: {value: 3}}\n  - {features: {x: 2}, prediction: {value: 4}}\n';
    const folder = await version('half-plus-two.onnx', `features: [{name: x, type: number}]\n${examples}`);
    expect(await check(folder)).toMatchObject({
      ok: false,
      golden: [
        { index: 0, ok: true, worst: 0 },
        { index: 1, ok: false, worst: 0.25 },
      ],
    });
  });

  it('names an absent folder, an absent model and a bad id', async () => {
    expect(await problemsOf(join(root, 'm', '7'))).toEqual(['.: the folder does not exist']);
    await mkdir(join(root, '-x', '1'), { recursive: true });
    expect(await problemsOf(join(root, '-x', '1'))).toEqual(['.: -x is no model_id', 'model.onnx: is missing']);
    await writeFile(join(root, '-x', '1', 'model.yaml'), '#'.repeat((1 << 20) + 1));
    expect((await problemsOf(join(root, '-x', '1')))[1]).toMatch(/model.yaml: is longer than/);
    await rm(join(root, '-x', '1', 'model.yaml'));
    await mkdir(join(root, '-x', '1', 'model.yaml'));
    expect((await problemsOf(join(root, '-x', '1')))[1]).toBe('model.yaml: cannot be read: EISDIR');
  });
});

describe('models import', () => {
  const importFrom = (onnx: string, more: Partial<ImportOptions> = {}) =>
    importModel({ onnxFile: join(models, onnx), modelsDirectory: root, modelId: 'iris', version: '1.0.0', ...more });

  it('writes a folder that passes the check', async () => {
    const { folder, features, namesInvented } = await importFrom('zipmap-strings.onnx', { schema: '../schema.json' });
    expect(namesInvented).toBe(true);
    expect(features.map(({ name }) => name)).toEqual(features.map((_, index) => `f${index}`));
    const text = await readFile(join(folder, 'model.yaml'), 'utf8');
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\.\/schema\.json\n/);
    expect(await check(folder)).toMatchObject({ ok: true, golden: [] });
    expect(await readdir(join(root, 'iris'))).toEqual(['1.0.0']);
  });

  it.each([
    'half-plus-two.onnx',
    'named-columns.onnx',
    'image-nchw.onnx',
    'boosted-regressor.onnx',
    'multi-output.onnx',
    'string-input.onnx',
  ])('takes %s', async (name) => {
    const { folder } = await importFrom(name);
    expect((await check(folder)).problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('names the columns as told', async () => {
    const { features } = await importFrom('zipmap-strings.onnx');
    const names = features.map((_, index) => `column ${index}`);
    const again = await importFrom('zipmap-strings.onnx', { version: '2.0.0', featureNames: names });
    expect(again).toMatchObject({ namesInvented: false });
    expect(again.features.map(({ name }) => name)).toEqual(names);
    await expect(importFrom('zipmap-strings.onnx', { version: '3.0.0', featureNames: ['a'] })).rejects.toThrow(
      /columns, but 1 names/,
    );
    const twice = names.map(() => 'a');
    await expect(importFrom('zipmap-strings.onnx', { version: '3.0.0', featureNames: twice })).rejects.toThrow(
      'named twice',
    );
  });

  it('brings external data along', async () => {
    const [file] = (await readdir(join(models, 'external-data-good'))).filter((name) => name.endsWith('.onnx'));
    const { folder } = await importFrom(join('external-data-good', file ?? ''), { featureNames: undefined });
    expect((await readdir(folder)).length).toBeGreaterThan(2);
    expect((await check(folder)).problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('refuses bad names, an existing version and a broken file, and leaves nothing behind', async () => {
    await expect(importFrom('half-plus-two.onnx', { modelId: '../x' })).rejects.toThrow(ImportRefused);
    await expect(importFrom('half-plus-two.onnx', { version: 'v1' })).rejects.toThrow(/is no version/);
    await expect(importFrom('no-outputs.onnx')).rejects.toThrow(ModelLoadError);
    await expect(importFrom('named-columns.onnx', { featureNames: ['a'] })).rejects.toThrow(/leave the names out/);
    expect(await readdir(root)).toEqual([]);
    await importFrom('half-plus-two.onnx');
    await expect(importFrom('half-plus-two.onnx')).rejects.toThrow(/exists already/);
  });
});

describe('promote and retire', () => {
  const place = (version: string) => ({ modelsDirectory: root, modelId: 'm', version });
  const aliases = () => readFile(join(root, 'm', 'aliases.yaml'), 'utf8');
  beforeEach(async () => {
    for (const name of ['1', '1.10.0', '1.9.0']) await mkdir(join(root, 'm', name), { recursive: true });
  });

  it('creates aliases.yaml, then keeps its comments', async () => {
    expect(await promoteVersion(place('1'), 'production')).toEqual({});
    expect(await aliases()).toBe('production: 1\n');
    await writeFile(
      join(root, 'm', 'aliases.yaml'),
      '# who answers\nproduction: 1 # since May\nold: 1.10\ncanary: 1.9.0\n',
    );
    expect(await promoteVersion(place('1.10.0'), 'production')).toEqual({ previous: '1' });
    expect(await aliases()).toMatch(/^# who answers\nproduction: 1\.10\.0/);
    expect(await aliases()).toMatch(/old: "1\.10"\ncanary: 1\.9\.0\n$/);
    expect(await readdir(join(root, 'm'))).toEqual(['1', '1.10.0', '1.9.0', 'aliases.yaml']);
  });

  it('refuses what is not there', async () => {
    await expect(promoteVersion(place('1.10.1'), 'production')).rejects.toThrow('did you mean 1.10.0?');
    await expect(promoteVersion(place('x'), 'production')).rejects.toThrow('is no version');
    await expect(promoteVersion({ ...place('1'), modelId: '..' }, 'production')).rejects.toThrow('is no model id');
    await expect(promoteVersion({ ...place('1'), modelId: 'n' }, 'production')).rejects.toThrow('there is no model n');
    await expect(promoteVersion(place('1'), 'Prod')).rejects.toThrow('is no alias');
    await writeFile(join(root, 'm', 'aliases.yaml'), 'a: 1\na: 2\n');
    await expect(promoteVersion(place('1'), 'production')).rejects.toThrow('two versions have one alias');
  });

  it('moves a version aside, but none that an alias means unless forced', async () => {
    await promoteVersion(place('1.9.0'), 'production');
    await promoteVersion(place('1'), 'canary');
    await expect(retireVersion(place('1.9.0'), { now: 0 })).rejects.toThrow(/alias production means version 1.9.0/);
    const retired = await retireVersion(place('1.9.0'), { now: 0, force: true });
    expect(retired).toEqual({
      folder: join(root, '.retired', 'm', '1.9.0-1970-01-01T00-00-00.000Z'),
      aliases: ['production'],
    });
    expect((await stat(retired.folder)).isDirectory()).toBe(true);
    expect(await aliases()).toBe('canary: 1\n');
    expect((await retireVersion(place('1.10.0'), { now: 0 })).aliases).toEqual([]);
  });
});
