/** Front door of `overload`: what is refused so that the rest is answered in time. */
export type * from './observer.js';
export type { LoopProbe } from './loop-probe.js';
export { openLoopProbe } from './loop-probe.js';
export { AdmissionControl, createAdmission, type AdmissionOptions } from './admission.js';
