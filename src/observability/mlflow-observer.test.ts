import { expect, it } from 'vitest';
import { createLogger } from './logger.js';
import { Metrics } from './metrics.js';
import { mlflowObserver } from './mlflow-observer.js';

it('mlflowObserver counts looks and fetches, and logs what came and what did not', async () => {
  const lines: string[] = [];
  const { instruments } = new Metrics();
  const observer = mlflowObserver(instruments, createLogger('INFO', { write: (line) => void lines.push(line) }));
  const unreachable = async () => (await instruments.mlflowUnreachable.get()).values[0]?.value;
  observer.registryAsked({ answered: false });
  expect(await unreachable()).toBe(1);
  observer.registryAsked({ answered: true });
  expect(await unreachable()).toBe(0);
  const name = { modelId: 'm', version: '1' };
  observer.productionChosen({ modelId: 'm', by: undefined });
  observer.versionFetched({ ...name, files: 2, bytes: 70, digest: 'sha256:0', milliseconds: 5 });
  observer.fetchFailed({ ...name, reason: 'no', retryInMs: 5000 });
  observer.copyDropped({ modelId: 'm', key: '1-a' });
  const fetches = ['fetched', 'failed'].map((result) => instruments.mlflowFetches.of({ model_id: 'm', result }).value);
  expect(fetches).toEqual([1, 1]);
  expect(instruments.mlflowFetchedBytes.of({ model_id: 'm' }).value).toBe(70);
  expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(['INFO', 'INFO', 'WARN', 'INFO']);
});
