import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemText } from '../version-problem.js';
import { readAliases } from './aliases-file.js';
import { DirectoryRegistry } from './directory-registry.js';
import { compareVersions, isPrerelease, isVersionName } from './version-name.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'registry-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, text = 'x') {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
const scan = (directory = root, modelId?: string) => new DirectoryRegistry({ directory, modelId }).scan();

describe('the folder registry', () => {
  it('finds models, versions in order, and aliases', async () => {
    for (const version of ['1.10.0', '1.9.0', '2']) await put(`m/${version}/model.onnx`);
    await put('m/aliases.yaml', 'production: 1.10.0\n');
    const { models, problems, ignored } = await scan();
    expect([problems, ignored]).toEqual([[], []]);
    expect(models.map(({ modelId }) => modelId)).toEqual(['m']);
    expect(models[0]?.versions.map(({ version }) => version)).toEqual(['1.9.0', '1.10.0', '2']);
    expect(models[0]?.aliases).toEqual(new Map([['production', '1.10.0']]));
  });

  it('ignores other folders with a reason, hidden ones and files without', async () => {
    for (const path of ['m/1/model.onnx', 'm/v2/a', 'm/01/a', 'm/.draft/a', '_x/1/a', '.git/a', 'README.md'])
      await put(path);
    const { models, ignored } = await scan();
    expect(models[0]?.versions).toHaveLength(1);
    expect(ignored.map(({ folder }) => folder).sort()).toEqual(['_x', 'm/01', 'm/v2']);
  });

  it('may be absent where it is one of several, until it was there', async () => {
    const directory = join(root, 'models');
    const registry = new DirectoryRegistry({ directory, optional: true });
    expect(await registry.scan()).toEqual({ models: [], ignored: [], complete: true, problems: [] });
    await put('models/m/1/model.onnx');
    expect((await registry.scan()).models).toHaveLength(1);
    await rm(directory, { recursive: true });
    expect((await registry.scan()).complete).toBe(false);
  });

  it('changes the fingerprint when a file does, below folders too', async () => {
    await put('m/1/model.onnx');
    await put('m/1/data/weights.bin', '1');
    const fingerprint = async () => (await scan()).models[0]?.versions[0]?.fingerprint;
    const before = await fingerprint();
    expect(await fingerprint()).toBe(before);
    await put('m/1/data/weights.bin', '12');
    expect(await fingerprint()).not.toBe(before);
  });

  it('refuses links that leave their folder', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'outside-'));
    await writeFile(join(outside, 'secret.onnx'), 'x');
    await put('m/1/model.yaml');
    await symlink(join(outside, 'secret.onnx'), join(root, 'm/1/model.onnx'));
    await symlink(outside, join(root, 'm/2'));
    await symlink(outside, join(root, 'other'));
    await symlink(join(root, 'nowhere'), join(root, 'm/3'));
    const { models, problems } = await scan();
    expect(models[0]?.versions[0]?.problems.map(problemText)).toEqual([
      'model.onnx: is a link that leaves the version folder',
    ]);
    expect(models[0]?.problems.map(problemText).sort()).toEqual([
      '2: is a link that leaves the models folder',
      '3: is a link to nothing',
    ]);
    expect(problems.map(problemText)).toEqual(['other: is a link that leaves the models folder']);
    await rm(outside, { recursive: true });
  });

  it('follows links that stay inside', async () => {
    await put('m/1/blobs/a');
    await symlink('blobs/a', join(root, 'm/1/model.onnx'));
    expect((await scan()).models[0]?.versions[0]?.problems).toEqual([]);
  });

  it('refuses a folder with too many files', async () => {
    await mkdir(join(root, 'm/1'), { recursive: true });
    await Promise.all(Array.from({ length: 1001 }, (_, i) => writeFile(join(root, `m/1/${i}`), '')));
    expect((await scan()).models[0]?.versions[0]?.problems.map(problemText)).toEqual(['.: holds more than 1000 files']);
  });

  it('says when the folder is empty or absent', async () => {
    expect(await scan()).toMatchObject({ complete: true, problems: [{ message: 'the models folder holds no model' }] });
    expect(await scan(join(root, 'none'))).toMatchObject({
      complete: false,
      problems: [{ message: 'the models folder does not exist' }],
    });
    await put('file');
    expect(await scan(join(root, 'file'))).toMatchObject({ complete: false, problems: [{ message: /ENOTDIR/ }] });
  });

  it('takes a folder that itself holds model.onnx for one model, version 1', async () => {
    await put('iris/model.onnx');
    const { models } = await scan(join(root, 'iris'));
    expect(models).toMatchObject([{ modelId: 'iris', versions: [{ version: '1' }] }]);
    expect((await scan(join(root, 'iris'), 'named')).models[0]?.modelId).toBe('named');
    expect((await scan(join(root, 'iris'), '../x')).problems[0]?.message).toMatch(/is no model_id/);
  });

  it('keeps quiet about aliases that cannot be trusted', async () => {
    await put('m/1/model.onnx');
    await mkdir(join(root, 'm/aliases.yaml'));
    expect((await scan()).models[0]).toMatchObject({
      aliases: undefined,
      problems: [{ message: 'cannot be read: EISDIR' }],
    });
    await rm(join(root, 'm/aliases.yaml'), { recursive: true });
    await put('m/aliases.yaml', '#'.repeat((1 << 20) + 1));
    expect((await scan()).models[0]?.problems[0]?.message).toMatch(/is longer than/);
    await rm(join(root, 'm/aliases.yaml'));
    await symlink('/etc/hostname', join(root, 'm/aliases.yaml'));
    expect((await scan()).models[0]?.problems[0]?.message).toMatch(/leaves the model folder/);
  });
});

describe('aliases.yaml', () => {
  it.each([
    ['', []],
    ['# nothing yet', []],
    ['production: 1.10', [['production', '1.10']]],
    [
      'production: "1.0.0" # checked\ncanary: 2',
      [
        ['production', '1.0.0'],
        ['canary', '2'],
      ],
    ],
  ])('%j is read as written', (text, expected) => {
    expect(readAliases(text)).toEqual({ aliases: new Map(expected as [string, string][]), problems: [] });
  });

  it.each([
    ['two versions with one alias', 'production: 1\nproduction: 2', 'aliases.yaml:2: two versions have one alias'],
    ['a list', '- 1', 'aliases.yaml: must map aliases to versions'],
    [
      'a bad name',
      'Production: 1',
      'aliases.yaml:1 Production: is no alias: lower-case letters, digits, _ and -, at most 64, a letter first',
    ],
    ['several versions', 'production: [1, 2]', 'aliases.yaml:1 production: must be one version'],
    ['no version', 'production:', 'aliases.yaml:1 production: must be one version'],
  ])('with %s is not trusted', (_, text, message) => {
    const { aliases, problems } = readAliases(text);
    expect(aliases).toBeUndefined();
    expect(problems.map(problemText)).toEqual([message]);
  });
});

describe('a version', () => {
  it.each(['1', '12', '1.0.0', '1.0.0-rc.1', '1.0.0+build.5'])('may be named %s', (name) => {
    expect(isVersionName(name)).toBe(true);
  });
  it.each(['0', '01', '1.0', 'v1', 'v1.0.0', '=1.0.0', ' 1.0.0', '-1', '1.5e3', '1.0.0/..', ''])(
    'may not be named %j',
    (name) => {
      expect(isVersionName(name)).toBe(false);
    },
  );
  it('has its place among others', () => {
    expect(['10', '9', '1.10.0', '1.9.0', '1.9.0-rc.1'].sort(compareVersions)).toEqual([
      '1.9.0-rc.1',
      '1.9.0',
      '1.10.0',
      '9',
      '10',
    ]);
    expect(['1.0.0-a', '1.0.0', '1'].map(isPrerelease)).toEqual([true, false, false]);
  });
});
