import type { Config } from '../config/schema.js';
import { workersObserver } from '../observability/workers-observer.js';
import { openWindows } from './open-access.js';
import type { Service } from './operations.js';
import { ProcessApp } from './process-app.js';
import { createTelemetry } from './telemetry.js';
import { Primary } from './workers/primary.js';

/** The service of one `serve`: one process, or a primary and its workers. */
export function createService(config: Config): Service {
  const telemetry = createTelemetry(config);
  if (config.inference_service.workers === 1) return new ProcessApp(config, { worker: 'w1' }, telemetry);
  const { logger, metrics, lines, snapshot } = telemetry;
  return new Primary({
    config,
    windows: openWindows(config),
    observer: workersObserver(metrics.instruments, logger),
    metrics: snapshot,
    flush: () => lines.flushSync(),
  });
}
