import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelDescription } from '../catalogue.js';
import { ControlledRegistry } from '../registry/controlled-registry.js';
import type { RegistrySnapshot } from '../registry/registry.js';
import { UnloadedModels } from '../registry/unloaded-models.js';
import { CatalogueControl } from './catalogue-control.js';

let root: string;
let unloaded: UnloadedModels;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'control-'));
  unloaded = new UnloadedModels(path.join(root, 'unloaded'));
});
afterEach(() => rm(root, { recursive: true }));

const model = (modelId: string) => ({ modelId, versions: [], aliases: new Map(), complete: true, problems: [] });
const snapshot: RegistrySnapshot = { models: [model('a'), model('b')], ignored: [], complete: true, problems: [] };
const registry = { scan: () => Promise.resolve(snapshot) };
const idsOf = ({ models }: RegistrySnapshot) => models.map(({ modelId }) => modelId);

describe('a controlled registry', () => {
  it('leaves out what was unloaded, for every process that shares the folder', async () => {
    const [one, other] = [registry, registry].map((each) => new ControlledRegistry(each, unloaded));
    expect(idsOf(await one!.scan())).toEqual(['a', 'b']);
    await unloaded.add('a');
    expect(await other!.scan()).toMatchObject({ models: [{ modelId: 'b' }], withdrawn: new Set(['a']) });
    await unloaded.remove('a');
    await unloaded.remove('a');
    expect(idsOf(await one!.scan())).toEqual(['a', 'b']);
  });

  it('goes on with what it knew where the folder cannot be read, and says so', async () => {
    await unloaded.add('a');
    const controlled = new ControlledRegistry(registry, unloaded);
    await controlled.scan();
    await rm(path.join(root, 'unloaded'), { recursive: true });
    await writeFile(path.join(root, 'unloaded'), 'a file');
    const { models, problems } = await controlled.scan();
    expect(models.map(({ modelId }) => modelId)).toEqual(['b']);
    expect(problems[0]?.message).toMatch(/which models were unloaded could not be read/);
  });

  it('writes nowhere but in its folder', async () => {
    await expect(unloaded.add('../a')).rejects.toThrow('not the name of a model');
    expect(await readdir(root)).toEqual([]);
  });
});

describe('loading and unloading', () => {
  const described = (states: readonly ['ready' | 'failed', string][]): ModelDescription => ({
    model_id: 'a',
    versions: states.map(([state, reason], at) => ({ version: `${at}`, state, reasons: [reason], aliases: [] })),
    ...{ aliases: {}, default_version: null, problems: [] },
  });
  const control = (model: ModelDescription | undefined) => {
    const done: string[] = [];
    const noted = (what: string) => () => (done.push(what), Promise.resolve());
    const catalogue = { look: noted('look'), takeUp: noted('takeUp'), describe: () => model };
    return { done, control: new CatalogueControl(catalogue, unloaded) };
  };

  it('unload marks the model and has the registry looked at; twice is no error', async () => {
    const known = control(described([['ready', '']]));
    await known.control.unload('a');
    expect(known.done).toEqual(['look', 'look']);
    expect(await known.control.unloaded()).toEqual(['a']);
    await control(undefined).control.unload('a');
    await expect(control(undefined).control.unload('c')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  it('load takes the model up, and tells why it cannot', async () => {
    await unloaded.add('a');
    const good = control(
      described([
        ['ready', ''],
        ['failed', 'broken'],
      ]),
    );
    await good.control.load('a');
    expect([good.done, await good.control.unloaded()]).toEqual([['takeUp'], []]);
    await expect(control(described([['failed', 'model.onnx: is truncated']])).control.load('a')).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: 'No version of the model could be loaded: 0: model.onnx: is truncated',
    });
    await expect(control(undefined).control.load('c')).rejects.toMatchObject({ message: "Model 'c' not found" });
    await expect(control(undefined).control.load('../c')).rejects.toMatchObject({ message: 'Model not found' });
  });
});
