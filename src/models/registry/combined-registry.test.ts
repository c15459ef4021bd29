import { describe, expect, it } from 'vitest';
import { FakeModelServer } from '../../../test/support/fake-model-server.js';
import { listModelsOf } from '../runtimes/open-inference/list-models.js';
import { ServerClient } from '../runtimes/remote/server-client.js';
import { CombinedRegistry } from './combined-registry.js';
import type { Registry, RegistrySnapshot } from './registry.js';
import { RemoteRegistry } from './remote-registry.js';

const empty: RegistrySnapshot = { models: [], ignored: [], complete: true, problems: [] };
const holding = (...ids: string[]): Registry => ({
  scan: () =>
    Promise.resolve({
      ...empty,
      models: ids.map((modelId) => ({ modelId, versions: [], aliases: new Map(), complete: true, problems: [] })),
    }),
});

describe('registries combined', () => {
  it('are searched in order: the first that holds a model serves it, and the doubled one is told of', async () => {
    const both = new CombinedRegistry([
      { name: 'first', registry: holding('b', 'c') },
      { name: 'second', registry: holding('a', 'b') },
    ]);
    const { models } = await both.scan();
    expect(models.map(({ modelId }) => modelId)).toEqual(['a', 'b', 'c']);
    expect(models[1]?.problems[0]?.message).toBe('is in first and in second: that of first serves');
  });

  it('do not lose models because one cannot be read', async () => {
    const dead = new RemoteRegistry({ url: 'http://x', list: () => Promise.reject(new Error('refused')) });
    const both = new CombinedRegistry([
      { name: 'first', registry: holding('a') },
      { name: 'second', registry: dead },
    ]);
    const { models, complete, problems } = await both.scan();
    expect([models.length, complete, problems[0]?.message]).toEqual([1, false, 'cannot be asked: refused']);
  });
});

describe('the registry of a model server', () => {
  const scan = async (versions: readonly string[], model = 'm') =>
    (await new RemoteRegistry({ url: 'http://x', list: () => Promise.resolve([{ model, versions }]) }).scan()).models[0]
      ?.versions;

  it.each([
    [[], ['1', undefined]],
    [['v3'], ['3', 'v3']],
    [['main'], ['1', 'main']],
    [
      ['1.2.0', 'main'],
      ['1.2.0', '1.2.0'],
    ],
  ])('names versions %j as versions may be named here', async (versions, [version, remote]) => {
    expect(await scan(versions)).toMatchObject([{ version, remote: { version: remote } }]);
  });

  it('leaves out what has no model_id for a name', async () => {
    expect(await scan([], 'a/b')).toBeUndefined();
  });

  it('lists by the repository index, or the models that are named', async () => {
    const server = await FakeModelServer.start();
    const client = new ServerClient(server.url, {}, 1000);
    const list = (models: readonly string[]) => listModelsOf({ client, url: server.url, models, timeoutMs: 5000 })();
    server.index = [
      { name: 'half', version: '1', state: 'READY' },
      { name: 'half', version: '2', state: 'UNAVAILABLE' },
      { name: 'other' },
      'nonsense',
    ];
    expect(await list([])).toEqual([
      { model: 'half', versions: ['1'] },
      { model: 'other', versions: [] },
    ]);
    expect(await list(['half', 'absent'])).toEqual([{ model: 'half', versions: [] }]);
    server.index = {};
    await expect(list([])).rejects.toThrow('is no list');
    await client.close();
    await server.stop();
  });
});
