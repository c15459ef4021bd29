import type { ServiceError } from '../shared/errors.js';

export type AdmissionKind = 'predict' | 'batch';

/** Leaves the place that was taken. Called exactly once, when the reply is sent. */
export type Leave = () => void;

/**
 * Decides whether this process has room for one more prediction request. Asked once the body has arrived, so that a place is
 * held by work and never by a slow sender. Answers at once and never throws.
 */
export interface Admission {
  /** The SERVICE_UNAVAILABLE that a request can be given at its headers, as it will get no place; undefined where it may. */
  refuseEarly(): ServiceError | undefined;
  /** A place, or the SERVICE_UNAVAILABLE (with retryAfterSeconds) that tells why there is none. */
  enter(kind: AdmissionKind): Leave | ServiceError;
}
