import type { Admission, AdmissionKind } from '../admission.js';
import type { Step } from './step.js';

/** Refuses with SERVICE_UNAVAILABLE, before anything is done for the request, what would get no place later. */
export function refuseEarly(admission: Admission | null): Step {
  return () => admission?.refuseEarly();
}

/** Takes a place for the request, which its reply gives back. Refuses with SERVICE_UNAVAILABLE. */
export function admit(admission: Admission | null, kind: AdmissionKind): Step {
  return (exchange) => {
    if (admission === null) return undefined;
    const place = admission.enter(kind);
    if (place instanceof Error) return place;
    exchange.leave = place;
    return undefined;
  };
}
