import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { metricDefinitions, type MetricDefinition } from '../../src/observability/metric-definitions.js';
import { Metrics } from '../../src/observability/metrics.js';

const definitions: readonly MetricDefinition[] = Object.values(metricDefinitions);

/** Every series name that a scrape can hold. */
async function seriesNames(): Promise<ReadonlySet<string>> {
  const metrics = new Metrics();
  metrics.collectProcess();
  const names = (await metrics.snapshot()).map(({ name }) => name);
  const histograms = definitions.filter(({ type }) => type === 'histogram').map(({ name }) => name);
  return new Set([
    ...names,
    ...histograms.flatMap((name) => ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`)),
  ]);
}

const files = ['deploy/grafana/inference-service.json', 'deploy/prometheus/rules.yaml'];

describe('demand 37: dashboard and alerts', () => {
  it.each(files)('%s names only metrics that there are', async (file) => {
    const known = await seriesNames();
    const named = [...readFileSync(file, 'utf8').matchAll(/\b(?:inference|http|process|nodejs)_[a-z_]+/g)].map(
      ([name]) => name,
    );
    const notMetrics = new Set(['inference_service']);
    expect(named.length).toBeGreaterThan(15);
    for (const name of named) if (!notMetrics.has(name)) expect(known.has(name), name).toBe(true);
  });

  it.each(files)('%s asks only for labels that they have', (file) => {
    const text = readFileSync(file, 'utf8');
    const labels = new Set([...definitions.flatMap(({ labels }) => labels), 'le', 'job']);
    for (const [, list = ''] of text.matchAll(/\bby \(([a-z_, ]+)\)/g))
      for (const label of list.split(', ')) expect(labels.has(label), label).toBe(true);
  });

  it('the dashboard shows every panel in its own place', () => {
    const { panels } = JSON.parse(readFileSync(files[0] ?? '', 'utf8')) as {
      panels: { id: number; gridPos: object }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos }) => JSON.stringify(gridPos))).size).toBe(panels.length);
  });
});
