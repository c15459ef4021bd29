import type { Config } from '../config/schema.js';
import {
  createEventPublisher,
  tellWaitingJournal,
  type EventPublisher,
  type EventSink,
  type EventsObserver,
} from '../events/index.js';
import { KafkaSink } from '../events/sinks/kafka/kafka-sink.js';
import { ThreadKafkaClient } from '../events/sinks/kafka/thread-client.js';
import { systemClock } from '../shared/clock.js';
import { dataPaths } from './data-paths.js';
import { systemTimers } from '../shared/timers.js';

/** Of the workers this one speaks for all. */
const firstWorker = 'w1';

/** The publisher of one worker, at work already. `worker` names its journal and its event file. */
export function openEvents(config: Config, worker: string, observer: EventsObserver): EventPublisher {
  const { event_stream, events, data } = config.inference_service;
  const sink = openSink(config, observer);
  if (sink === undefined && worker === firstWorker) void tellWaitingJournal(dataPaths(data).root, observer);
  return createEventPublisher({
    stream: event_stream,
    events,
    directory: dataPaths(data).root,
    worker,
    sink,
    environment: config.environment,
    clock: systemClock,
    observer,
  });
}

/** Kafka where brokers are configured: its client is loaded by its thread, at the first event. */
function openSink(config: Config, observer: EventsObserver): EventSink | undefined {
  const { kafka } = config.inference_service;
  if (kafka.bootstrap_servers === undefined) return undefined;
  return new KafkaSink({ connect: () => new ThreadKafkaClient(kafka), timers: systemTimers, observer });
}
