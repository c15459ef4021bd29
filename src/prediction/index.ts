/** Front door of `prediction`. */
export type * from './types.js';
