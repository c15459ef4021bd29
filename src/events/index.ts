/** Front door of `events`: what the rest of the program may know of it. */
export type * from './prediction-event.js';
export type * from './event-publisher.js';
export type * from './event-sink.js';
