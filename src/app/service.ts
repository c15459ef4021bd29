import type { Config } from '../config/schema.js';
import { workersObserver } from '../observability/workers-observer.js';
import { openWindowOwner } from './open-access.js';
import { accessObserver } from '../observability/access-observer.js';
import { seedFeatures } from './offline/features.js';
import type { Service } from './operations.js';
import { ProcessApp } from './process-app.js';
import { createTelemetry } from './telemetry.js';
import { Primary } from './workers/primary.js';

/** The service of one `serve`: one process, or a primary and its workers. */
export async function createService(config: Config): Promise<Service> {
  const telemetry = createTelemetry(config);
  for (const [view, rows] of await seedFeatures(config))
    telemetry.logger.info({ view, rows }, 'A feature view was filled');
  if (config.inference_service.workers === 1) return new ProcessApp(config, { worker: 'w1' }, telemetry);
  const { logger, metrics, lines, snapshot } = telemetry;
  return new Primary({
    config,
    windows: openWindowOwner(accessObserver(metrics.instruments, logger)),
    observer: workersObserver(metrics.instruments, logger),
    metrics: snapshot,
    flush: () => lines.flushSync(),
  });
}
