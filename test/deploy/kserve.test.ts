import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import type { PodSpec, Resource } from './support/kubernetes.js';
import { crdProblems, resourcesOf } from './support/resources.js';

const files = {
  'deploy/kserve/serving-runtime.yaml': 'serving.kserve.io_servingruntimes.yaml',
  'deploy/kserve/inference-service.yaml': 'serving.kserve.io_inferenceservices.yaml',
};
const read = (file: string): Resource => {
  const [resource] = resourcesOf(readFileSync(file, 'utf8'));
  if (resource === undefined) throw new Error(`${file} holds nothing`);
  return resource;
};

describe('the KServe example', () => {
  it.each(Object.entries(files))('%s is as KServe defines it', async (file, definition) => {
    expect(await crdProblems(read(file), definition)).toEqual([]);
  });

  it('is held against a definition that refuses a wrong name', async () => {
    const [file, definition] = Object.entries(files)[0] ?? ['', ''];
    const wrong = JSON.stringify(read(file)).replace('"args"', '"arguments"');
    expect(await crdProblems(JSON.parse(wrong) as Resource, definition)).not.toEqual([]);
  });

  it('has the InferenceService ask for what the runtime offers', () => {
    const runtime = read('deploy/kserve/serving-runtime.yaml');
    const offered = runtime.spec as { supportedModelFormats: { name: string }[]; protocolVersions: string[] };
    const asked = read('deploy/kserve/inference-service.yaml').spec as {
      predictor: { model: { modelFormat: { name: string }; protocolVersion: string; runtime: string } };
    };
    const { model } = asked.predictor;
    expect(model.runtime).toBe(runtime.metadata.name);
    expect(offered.supportedModelFormats.map(({ name }) => name)).toContain(model.modelFormat.name);
    expect(offered.protocolVersions).toContain(model.protocolVersion);
  });

  it('names only options that exist', () => {
    const [container] = (read('deploy/kserve/serving-runtime.yaml').spec as PodSpec).containers;
    const variables = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));
    const { sources, warnings } = loadConfig({ environment: { ENVIRONMENT: 'production', ...variables } });
    expect(warnings).toEqual([]);
    const known = [...sources.values()].filter((source) => source.startsWith('variable INFERENCE_SERVICE__'));
    expect(known).toHaveLength(Object.keys(variables).length);
  });
});
