import { metricDefinitions, type MetricDefinition } from '../../src/observability/metric-definitions.js';

/** docs/metrics.md: every metric of our own that /metrics shows. */
export function metricsMarkdown(): string {
  const rows = Object.values(metricDefinitions as Record<string, MetricDefinition>).map(
    ({ name, type, labels, help }) => {
      const names = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${names} | ${help} |`;
    },
  );
  return `# Metrics

<!-- Generated from src/observability/metric-definitions.ts by \`npm run docs\`: do not edit. -->

GET /metrics shows these in the Prometheus text format, and in OpenMetrics where the request accepts it. With several workers one answer
holds the values of all. Labels take values from the catalogue and from closed lists only, so that no caller can add a series.

| metric | type | labels | |
|---|---|---|---|
${rows.join('\n')}
`;
}
