import type { Config } from '../config/schema.js';
import { createEventPublisher, type EventPublisher, type EventsObserver } from '../events/index.js';
import { FileSink } from '../events/sinks/file-sink.js';
import { systemClock } from '../shared/clock.js';
import { dataPaths } from './data-paths.js';

/** The publisher of one worker, at work already. `worker` names its journal and its event file. */
export function openEvents(config: Config, worker: string, observer: EventsObserver): EventPublisher {
  const { event_stream, events } = config.inference_service;
  const directory = dataPaths(config.inference_service.data).root;
  return createEventPublisher({
    stream: event_stream,
    events,
    directory,
    worker,
    sink: new FileSink({ directory, worker, events }),
    environment: config.environment,
    clock: systemClock,
    observer,
  });
}
