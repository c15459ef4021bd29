import type { Config } from '../config/schema.js';
import { createTracing, type Tracing } from '../observability/tracing/create-tracing.js';
import { tracingObserver } from '../observability/tracing/tracing-observer.js';
import { systemClock } from '../shared/clock.js';
import { packageVersion } from './package-version.js';
import type { Telemetry } from './telemetry.js';

/** Traces to the configured collector; undefined where there is none. */
export function openTracing(config: Config, { metrics, logger }: Telemetry): Promise<Tracing | undefined> {
  return createTracing({
    options: config.inference_service.tracing,
    version: packageVersion(),
    environment: config.environment,
    clock: systemClock,
    observer: tracingObserver(metrics.instruments, logger),
  });
}
