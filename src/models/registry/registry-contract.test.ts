import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { halfPlusTwoFiles } from '../../../test/support/fake-mlflow.js';
import { MlflowFixture } from '../../../test/support/mlflow-registry.js';
import { DirectoryRegistry } from './directory-registry.js';
import { registryContract, type HeldModels } from './registry.contract.js';

registryContract('folder', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'registry-contract-'));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const directory = join(parent, 'models');
  return {
    registry: new DirectoryRegistry({ directory }),
    hold: (models) => holdInFolder(directory, models),
    hide: () => rename(directory, `${directory}-hidden`),
    show: () => rename(`${directory}-hidden`, directory),
  };
});

async function holdInFolder(directory: string, models: HeldModels): Promise<void> {
  for (const modelId of ['a', 'b']) if (!(modelId in models)) await rm(join(directory, modelId), { recursive: true });
  for (const [modelId, { versions, aliases = {} }] of Object.entries(models)) {
    if (!versions.includes('2')) await rm(join(directory, modelId, '2'), { recursive: true, force: true });
    for (const version of versions) {
      await mkdir(join(directory, modelId, version), { recursive: true });
      // Written once: a version that was there stays as it is.
      await writeFile(join(directory, modelId, version, 'model.onnx'), version, { flag: 'wx' }).catch(() => undefined);
    }
    const text = Object.entries(aliases).map(([alias, version]) => `${alias}: ${version}\n`);
    await writeFile(join(directory, modelId, 'aliases.yaml'), text.join(''));
  }
}

registryContract('MLflow', async () => {
  const fixture = await MlflowFixture.start();
  const { fake } = fixture;
  return {
    registry: fixture.open(),
    hold: (models) => {
      fake.models = Object.fromEntries(
        Object.entries(models).map(([name, { versions, aliases = {} }]) => [
          name,
          {
            aliases: { ...aliases },
            versions: Object.fromEntries(
              versions.map((version) => [version, { files: { ...halfPlusTwoFiles(), 'version.txt': version } }]),
            ),
          },
        ]),
      );
      return Promise.resolve();
    },
    hide: () => fake.stop(),
    show: () => fake.restart(),
  };
});
