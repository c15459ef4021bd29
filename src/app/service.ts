import type { Config } from '../config/schema.js';
import { workersObserver } from '../observability/workers-observer.js';
import { openWindowOwner } from './open-access.js';
import { accessObserver } from '../observability/access-observer.js';
import { checkDatabase } from './offline/database.js';
import { featureOperations, seedFeatures } from './offline/features.js';
import { crashObserver } from '../observability/crash-observer.js';
import { firstCrash } from './first-crash.js';
import type { Service } from './operations.js';
import { ProcessApp } from './process-app.js';
import { createTelemetry, type Telemetry } from './telemetry.js';
import { Primary } from './workers/primary.js';

/** The service of one `serve`: one process, or a primary and its workers. */
export async function createService(config: Config): Promise<Service> {
  const telemetry = createTelemetry(config);
  const crashed = firstCrash(crashObserver(telemetry.metrics.instruments, telemetry.logger));
  const outage = await checkDatabase(config);
  if (outage !== undefined) telemetry.logger.error({ cause: outage }, 'The database is out of reach at the start');
  for (const [view, rows] of await seedFeatures(config))
    telemetry.logger.info({ view, rows }, 'A feature view was filled');
  if (outage === undefined) await tellUnfitViews(config, telemetry);
  if (config.inference_service.workers === 1) {
    const app = new ProcessApp(config, { worker: 'w1' }, telemetry);
    return { start: () => app.start(), stop: () => app.stop(), crashed };
  }
  const { logger, metrics, lines, snapshot } = telemetry;
  return new Primary({
    config,
    windows: openWindowOwner(accessObserver(metrics.instruments, logger)),
    observer: workersObserver(metrics.instruments, logger),
    metrics: snapshot,
    flush: () => lines.flushSync(),
    crashed,
  });
}

/** Its reads will fail, one by one: the words for all that is wrong come here, before the first. */
async function tellUnfitViews(config: Config, { logger }: Telemetry): Promise<void> {
  for (const { view, problems } of await featureOperations.verify(config))
    if (problems.length > 0) logger.error({ view, problems }, 'A feature view does not fit its table');
}
