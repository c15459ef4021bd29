import type { FeatureView } from './view.js';

/** NaN when the time of the update is not known. A row from the future, by clocks that differ, is new. */
export function ageSeconds(updatedAt: number, now: number): number {
  return Math.max(0, (now - updatedAt) / 1000);
}

/** An age that is not a number is not known to be within the limit. `age` is null where the view has no timestamp. */
export function isStale(view: FeatureView, age: number | null): boolean {
  return age !== null && view.maxAgeSeconds !== undefined && !(age <= view.maxAgeSeconds);
}
