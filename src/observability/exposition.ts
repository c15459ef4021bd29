/** One metric of one process; the form in which prom-client hands out its own, and in which metrics travel between processes. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several processes become one. */
  readonly aggregator: string;
  readonly values: readonly Sample[];
}

interface Exemplar {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

export interface Sample {
  /** Where it is not the metric's own: `<name>_bucket`, … */
  readonly metricName?: string;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  readonly value: number;
  readonly exemplar?: Exemplar | null | undefined;
}

export const textContentType = 'text/plain; version=0.0.4; charset=utf-8';
export const openMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Whether an Accept header asks for OpenMetrics. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('application/openmetrics-text');
}

/**
 * Adds up the metrics of several processes: counters and histograms are summed, gauges by their aggregator.
 */
export function mergeSnapshots(processes: readonly (readonly MetricSnapshot[])[]): MetricSnapshot[] {
  const merged = new Map<string, MetricSnapshot & { values: MergedSample[] }>();
  for (const metric of processes.flat()) {
    const known = merged.get(metric.name);
    if (known === undefined)
      merged.set(metric.name, { ...metric, values: metric.values.map((value) => ({ ...value })) });
    else addSamples(known.values, metric);
  }
  return [...merged.values()];
}

type MergedSample = Sample & { value: number };

function addSamples(into: MergedSample[], metric: MetricSnapshot): void {
  const byKey = new Map(into.map((sample) => [keyOf(sample), sample]));
  for (const sample of metric.values) {
    const known = byKey.get(keyOf(sample));
    if (known === undefined) into.push({ ...sample });
    else known.value = combine(metric.aggregator, known.value, sample.value);
  }
}

function combine(aggregator: string, a: number, b: number): number {
  if (aggregator === 'max') return Math.max(a, b);
  return aggregator === 'first' ? a : a + b;
}

function keyOf(sample: Sample): string {
  const labels = Object.entries(sample.labels).map(([name, value]) => `${name}\u0000${String(value)}`);
  return [sample.metricName ?? '', ...labels.sort()].join('\u0001');
}

/** The text of a scrape: Prometheus text format 0.0.4, or OpenMetrics 1.0 with exemplars. */
export function renderMetrics(metrics: readonly MetricSnapshot[], openMetrics: boolean): string {
  const text = metrics.map((metric) => renderMetric(metric, openMetrics)).join('');
  return openMetrics ? `${text}# EOF\n` : text;
}

function renderMetric(metric: MetricSnapshot, openMetrics: boolean): string {
  const { type } = metric;
  const family = openMetrics && type === 'counter' ? metric.name.replace(/_total$/, '') : metric.name;
  const lines = [`# HELP ${family} ${escapeHelp(metric.help)}`, `# TYPE ${family} ${type}`];
  for (const sample of metric.values) lines.push(renderSample(metric.name, sample, openMetrics));
  return lines.join('\n') + '\n';
}

function renderSample(metricName: string, sample: Sample, openMetrics: boolean): string {
  const line = `${sample.metricName ?? metricName}${renderLabels(sample.labels)} ${renderNumber(sample.value)}`;
  const { exemplar } = sample;
  if (!openMetrics || exemplar === undefined || exemplar === null) return line;
  return `${line} # ${renderLabels(exemplar.labelSet)} ${renderNumber(exemplar.value)} ${exemplar.timestamp}`;
}

function renderLabels(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function renderNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
