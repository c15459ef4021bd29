import type { FinishedRequest, PredictionObserver } from '../../prediction/index.js';
import type { Clock } from '../../shared/clock.js';
import type { TracingOptions } from '../options.js';
import { newTraceparent } from '../../shared/trace-context.js';
import type { SpanObserver } from './span-queue.js';

/** The traces of one process. */
export interface Tracing extends PredictionObserver {
  /** For a request that came without a trace: the one that begins with it, where the sample takes it. */
  readonly begin: () => string | undefined;
  /** Sends what waits, for `limitMs` at most. */
  close(limitMs: number): Promise<void>;
}

export interface TracingParts {
  readonly options: TracingOptions;
  /** `service.version` and `deployment.environment.name` of the spans. */
  readonly version: string;
  readonly environment: string;
  readonly clock: Clock;
  readonly observer: SpanObserver;
}

const capacity = 8192;
const batch = 512;
const flushEveryMs = 1000;
const exportTimeoutMs = 5000;
/** ExportResultCode.SUCCESS, of a package that is not loaded for this. */
const succeeded = 0;

/** undefined without an endpoint: then nothing of OpenTelemetry is even loaded. */
export async function createTracing(parts: TracingParts): Promise<Tracing | undefined> {
  const { otlp_endpoint: endpoint, sample_ratio: ratio } = parts.options;
  if (endpoint === undefined) return undefined;
  const [{ OTLPTraceExporter }, { resourceFromAttributes }, { SpanQueue }, { spansOf }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('./span-queue.js'),
    import('./request-spans.js'),
  ]);
  const resource = resourceFromAttributes({
    'service.name': 'inference-service',
    'service.version': parts.version,
    'deployment.environment.name': parts.environment,
  });
  const exporter = new OTLPTraceExporter({ url: tracesUrl(endpoint), timeoutMillis: exportTimeoutMs });
  const queue = new SpanQueue({
    export: (spans) =>
      new Promise((resolve, reject) => {
        exporter.export([...spans], ({ code, error }) =>
          Number(code) === succeeded ? resolve() : reject(error ?? new Error('The collector did not take the spans')),
        );
      }),
    observer: parts.observer,
    capacity,
    batch,
  });
  const timer = setInterval(() => queue.flush(), flushEveryMs).unref();
  return {
    begin: () => (Math.random() < ratio ? newTraceparent() : undefined),
    requestFinished(request: FinishedRequest) {
      if (request.traceparent === undefined) return;
      const spans = spansOf(request, parts.clock.now(), resource);
      if (spans.length > 0) queue.add(spans);
    },
    async close(limitMs) {
      clearInterval(timer);
      let limitTimer: NodeJS.Timeout | undefined;
      await queue.close(new Promise((resolve) => (limitTimer = setTimeout(resolve, limitMs))));
      clearTimeout(limitTimer);
      // It goes on trying what it has begun, which must not hold up the end.
      void exporter.shutdown();
    },
  };
}

/** The signal's path is added to a base, as the OpenTelemetry exporter specification has it. */
function tracesUrl(endpoint: string): string {
  return endpoint.endsWith('/v1/traces') ? endpoint : `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}

/** Tells several of every finished request. */
export function observersTogether(...observers: readonly PredictionObserver[]): PredictionObserver {
  return { requestFinished: (request) => observers.forEach((observer) => observer.requestFinished(request)) };
}
