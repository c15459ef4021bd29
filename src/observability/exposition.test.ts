import { Counter, Gauge, Histogram, Registry, type OpenMetricsContentType } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { mergeSnapshots, renderMetrics, wantsOpenMetrics, type MetricSnapshot } from './exposition.js';

function processOf(seed: number) {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registers = [registry];
  const counter = new Counter({ name: 'asked_total', help: 'Asked.', labelNames: ['model_id'], registers });
  const oldest = new Gauge({ name: 'oldest_seconds', help: 'Oldest.', registers, aggregator: 'max' });
  const held = new Gauge({ name: 'held', help: 'Held.', registers, aggregator: 'sum' });
  const took = new Histogram<string>({
    name: 'took_seconds',
    help: 'A "time"\nin seconds.',
    labelNames: ['model_id'],
    buckets: [0.1, 1],
    registers,
    enableExemplars: true,
  });
  counter.inc({ model_id: 'a' }, seed);
  counter.inc({ model_id: `only-${seed}` });
  oldest.set(seed);
  held.set(seed);
  took.observe({ labels: { model_id: 'a' }, value: 0.05, exemplarLabels: { trace_id: `t${seed}` } });
  return registry.getMetricsAsJSON() as Promise<MetricSnapshot[]>;
}

describe('exposition', () => {
  it('adds up counters and histograms of all processes, and gauges by their aggregator', async () => {
    const text = renderMetrics(mergeSnapshots([await processOf(2), await processOf(3)]), false);
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        '# HELP asked_total Asked.',
        '# TYPE asked_total counter',
        'asked_total{model_id="a"} 5',
        'asked_total{model_id="only-2"} 1',
        'asked_total{model_id="only-3"} 1',
        'oldest_seconds 3',
        'held 5',
        '# HELP took_seconds A "time"\\nin seconds.',
        'took_seconds_bucket{le="0.1",model_id="a"} 2',
        'took_seconds_bucket{le="+Inf",model_id="a"} 2',
        'took_seconds_count{model_id="a"} 2',
      ]),
    );
    expect(text).not.toMatch(/trace_id|# EOF/);
  });

  it('leaves the snapshots as they were', async () => {
    const one = await processOf(2);
    const before = structuredClone(one);
    mergeSnapshots([one, await processOf(3)]);
    expect(one).toEqual(before);
  });

  it('gives OpenMetrics with exemplars, counters without _total in their family, and an end', async () => {
    const text = renderMetrics(await processOf(2), true);
    expect(text).toContain('# TYPE asked counter\nasked_total{model_id="a"} 2\n');
    expect(text).toMatch(/took_seconds_bucket\{le="0\.1",model_id="a"\} 1 # \{trace_id="t2"\} 0\.05 \d+/);
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('escapes what labels hold', () => {
    const values = [{ value: Number.NaN, labels: { path: 'a\\b"c\nd' } }];
    const metric = { name: 'x', help: 'h', type: 'gauge', aggregator: 'sum', values } as unknown as MetricSnapshot;
    expect(renderMetrics([metric], false)).toContain('x{path="a\\\\b\\"c\\nd"} NaN');
  });

  it('knows who wants OpenMetrics', () => {
    expect(wantsOpenMetrics('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')).toBe(true);
    expect(wantsOpenMetrics('text/plain')).toBe(false);
    expect(wantsOpenMetrics(undefined)).toBe(false);
  });
});
