/** Front door of `access`: who may call, and how often. */
export type * from './authenticator.js';
export type * from './rate-limiter.js';
export type * from './observer.js';
export type * from './timers.js';
export type * from './keys/key-store.js';
export type * from './keys/key-entry.js';
export type * from './rate-limit/windows.js';
export type * from './rate-limit/window-messages.js';
export * from './principal.js';
export { systemAccessTimers } from './timers.js';
export { KeyAdministration, declareKey } from './keys/key-administration.js';
export type { DeclaredKey, KeyRequest, KeySummary, NewKey } from './keys/key-administration.js';
export { KeysFileError, readKeysFile } from './keys/keys-file.js';
export { WindowOwner } from './rate-limit/window-owner.js';
export { WindowTable } from './rate-limit/window-table.js';
export { createAuthenticator, createRateLimiter, createWindows } from './create-access.js';
export type { AuthenticatorParts, RateLimiterParts, WindowsParts } from './create-access.js';
