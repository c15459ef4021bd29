import { describe, expect, it } from 'vitest';
import { mergeSnapshots, renderMetrics, wantsOpenMetrics, type MetricSnapshot } from './exposition.js';
import { Counter } from './instruments/counter.js';
import { Histogram } from './instruments/histogram.js';

function processOf(seed: number): MetricSnapshot[] {
  const counter = new Counter({ name: 'asked_total', help: 'Asked.', labels: ['model_id'] });
  const took = new Histogram({
    ...{ name: 'took_seconds', help: 'A "time"\nin seconds.' },
    labels: ['model_id'],
    buckets: [0.1, 1],
  });
  counter.inc({ model_id: 'a' }, seed);
  counter.inc({ model_id: `only-${seed}` });
  took.of({ model_id: 'a' }).observe(0.05, `t${seed}`);
  const oldest = { name: 'oldest_seconds', help: 'Oldest.', type: 'gauge', aggregator: 'max' };
  const held = { name: 'held', help: 'Held.', type: 'gauge', aggregator: 'sum' };
  const gauges = [oldest, held].map((gauge) => ({ ...gauge, values: [{ labels: {}, value: seed }] }));
  return [counter.snapshot(), took.snapshot(), ...gauges];
}

describe('exposition', () => {
  it('adds up counters and histograms of all processes, and gauges by their aggregator', () => {
    const text = renderMetrics(mergeSnapshots([processOf(2), processOf(3)]), false);
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

  it('leaves the snapshots as they were', () => {
    const one = processOf(2);
    const before = structuredClone(one);
    mergeSnapshots([one, processOf(3)]);
    expect(one).toEqual(before);
  });

  it('gives OpenMetrics with exemplars, counters without _total in their family, and an end', () => {
    const text = renderMetrics(processOf(2), true);
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
