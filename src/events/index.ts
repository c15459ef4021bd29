/** Front door of `events`: what the rest of the program may know of it. */
export type * from './prediction-event.js';
export type * from './event-publisher.js';
export type * from './observer.js';
export type { EventSink, WireEvent } from './event-sink.js';
export type { PredictionEvent } from './event-schema.js';
export { eventSchema } from './event-schema.js';
export { createEventPublisher, type EventPublisherOptions } from './create-event-publisher.js';
export { tailEvents, type TailOptions } from './reading/tail.js';
export { eventStats, type EventStats } from './reading/stats.js';
export { tellWaitingJournal } from './journal/undelivered.js';
