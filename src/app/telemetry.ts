import type { EventPublisher } from '../events/index.js';
import type { Config } from '../config/schema.js';
import { createLogDestination, createLogger, type LogDestination, type Logger } from '../observability/logger.js';
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
  const lines = createLogDestination(() => metrics.instruments.logDropped.inc());
  const logger = createLogger(config.inference_service.log_level, lines);
  const readers: (() => void)[] = [];
  const snapshot = async () => {
    for (const read of readers) read();
    return (await metrics.registry.getMetricsAsJSON()) as readonly MetricSnapshot[];
  };
  return { logger, lines, metrics, snapshot, beforeSnapshot: (read) => void readers.push(read) };
}

/** The publisher's own accounts, exact at any time. */
export function readEventAccounts({ instruments }: Metrics, events: EventPublisher): void {
  const { eventsOffered, eventsDelivered, eventsDropped, eventsJournaled, eventsInMemory } = instruments;
  const { offered, delivered, dropped, journaled, inMemory } = events.accounts();
  const totals = [
    [eventsOffered, offered],
    [eventsDelivered, delivered],
    [eventsDropped, dropped],
  ] as const;
  for (const [counter, value] of totals) {
    counter.reset();
    counter.inc(value);
  }
  eventsJournaled.set(journaled);
  eventsInMemory.set(inMemory);
}
