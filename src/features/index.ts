/** Front door of `features`: what the rest of the program may know of it. */
export type * from './view.js';
export type * from './feature-service.js';
export type * from './feature-store.js';
export type * from './feature-cache.js';
export { EntityKeyError } from './feature-store.js';
