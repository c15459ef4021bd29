import type { EventPublisher } from '../events/index.js';
import type { Config } from '../config/schema.js';
import { createLogLines, type LogDestination } from '../observability/log-lines.js';
import { createLogger, type Logger } from '../observability/logger.js';
import { Metrics } from '../observability/metrics.js';
import type { MetricSnapshot } from '../observability/exposition.js';

/** The log and the metrics of one process. */
export interface Telemetry {
  readonly logger: Logger;
  readonly lines: LogDestination;
  readonly metrics: Metrics;
  /** Called before every snapshot: metrics that are read from a part when they are asked for. */
  readonly beforeSnapshot: (read: () => void) => void;
  readonly snapshot: () => Promise<readonly MetricSnapshot[]>;
}

export function createTelemetry(config: Config): Telemetry {
  const metrics = new Metrics();
  metrics.collectProcess();
  const lines = createLogLines((dropped) => metrics.instruments.logDropped.inc({}, dropped));
  const logger = createLogger(config.inference_service.log_level, lines);
  const readers: (() => void)[] = [];
  const snapshot = () => {
    for (const read of readers) read();
    return metrics.snapshot();
  };
  return { logger, lines, metrics, snapshot, beforeSnapshot: (read) => void readers.push(read) };
}

/** The publisher's own accounts, exact at any time. */
export function readEventAccounts({ instruments }: Metrics, events: EventPublisher): void {
  const { eventsOffered, eventsDelivered, eventsDropped, eventsJournaled, eventsInMemory } = instruments;
  const { offered, delivered, dropped, journaled, inMemory } = events.accounts();
  eventsOffered.setTotal(offered);
  eventsDelivered.setTotal(delivered);
  eventsDropped.setTotal(dropped);
  eventsJournaled.set(journaled);
  eventsInMemory.set(inMemory);
}
