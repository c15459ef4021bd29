/** Front door of `access`: who may call, and how often. */
export type * from './authenticator.js';
export type * from './rate-limiter.js';
export * from './principal.js';
