/** Front door of `access`: who may call, and how often. What makes its parts (`create-access.ts`, `keys/`) is named by `app` alone. */
export type * from './authenticator.js';
export type * from './rate-limiter.js';
export type * from './observer.js';
export * from './principal.js';
export * from './sight.js';
