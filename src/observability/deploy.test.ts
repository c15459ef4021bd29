import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metricDefinitions, type MetricDefinition } from './metric-definitions.js';
import { Metrics } from './metrics.js';

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}
interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

const dashboard = JSON.parse(readFileSync('deploy/grafana/inference-service.json', 'utf8')) as Dashboard;
const rules = parse(readFileSync('deploy/prometheus/rules.yaml', 'utf8')) as Rules;

const queries = [
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ...rules.groups.flatMap((group) => group.rules.map(({ alert, expr }) => [alert, expr] as const)),
];

const seriesOf = ({ name, type }: MetricDefinition) =>
  type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];

// Demand 37: every query of the dashboard and of the alert rules names metrics that there are.
describe('demand 37: dashboard and alert rules', () => {
  const definitions: readonly MetricDefinition[] = Object.values(metricDefinitions);
  const metrics = new Metrics();
  metrics.collectProcess();
  const known = new Set([
    ...definitions.flatMap(seriesOf),
    ...metrics.registry.getMetricsAsArray().map((metric) => metric.name),
  ]);

  it.each(queries)('%s', (_title, query) => {
    const named = query.match(/\b(?:inference|http|process|nodejs)_[a-z0-9_]+/g) ?? [];
    expect(named).not.toEqual([]);
    for (const name of named) expect(known).toContain(name);
  });

  it('use only labels that their metrics have', () => {
    for (const [title, query] of queries) {
      for (const [, name, labels] of query.matchAll(/\b(inference_[a-z0-9_]+)\{([^}]*)\}/g)) {
        const definition = definitions.find((each) => seriesOf(each).includes(name ?? ''));
        for (const [, label] of (labels ?? '').matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)) {
          expect(definition?.labels, `${title}: ${name}`).toContain(label);
        }
      }
    }
  });
});
