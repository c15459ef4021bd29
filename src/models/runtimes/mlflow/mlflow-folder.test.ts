import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FakeScoringServer, predictions } from '../../../../test/support/fake-scoring-server.js';
import { Facts } from '../../../../test/support/remote-fixture.js';
import { systemClock } from '../../../shared/clock.js';
import { checkVersionFolder } from '../../check/check-version-folder.js';
import type { LoadRuntime } from '../../runtime-loader.js';
import { ModelServers } from '../remote/model-servers.js';
import { loadMlflowRuntime } from './load-mlflow-runtime.js';

const mlmodel = `flavors: {sklearn: {}}
signature:
  inputs: '[{"type": "double", "name": "x"}, {"type": "long", "name": "n"}]'
  outputs: '[{"type": "double", "name": "y"}]'
`;

it('a version of a folder whose model.yaml says runtime: mlflow is computed by its scoring server, golden rows too', async () => {
  const server = await FakeScoringServer.start();
  const servers = new ModelServers({
    ...{ timeoutMs: 20_000, failureThreshold: 0.5, recoveryMs: 60_000, clock: systemClock, observer: new Facts() },
  });
  const root = await mkdtemp(join(tmpdir(), 'mlflow-folder-'));
  onTestFinished(async () => {
    await servers.close();
    await server.stop();
    await rm(root, { recursive: true, force: true });
  });
  const folder = join(root, 'm', '1');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'MLmodel'), mlmodel);
  const examples = 'examples: [{features: {x: 4, n: 1}, prediction: {y: 4}}]';
  await writeFile(join(folder, 'model.yaml'), `runtime: mlflow\nurl: ${server.url}\n${examples}\n`);
  server.invoke = (response, x) =>
    predictions(
      response,
      x.map((value) => ({ y: Number(value) / 2 + 2 })),
    );
  const loadRuntime: LoadRuntime = ({ name: { modelId }, remote, folder: place }) => {
    if (remote === undefined) throw new Error('it is remote');
    return loadMlflowRuntime({ modelId, folder: place, remote, servers });
  };
  const check = await checkVersionFolder(folder, { loadRuntime, views: new Map(), clock: systemClock });
  expect(check.problems).toEqual([]);
  expect(check.ok).toBe(true);
  expect(server.bodies.at(-1)).toBe('{"dataframe_split":{"columns":["x","n"],"data":[[4,1]]}}');
});
