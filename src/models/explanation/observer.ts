import type { VersionName } from '../runtime-observer.js';
import type { ExplanationMethod } from './explanation.js';

/** Facts about explanations. */
export interface ExplanationObserver {
  /** One row was to be explained; `method` is null where the version cannot be. */
  explained(
    facts: VersionName & {
      readonly method: ExplanationMethod | null;
      readonly outcome: 'given' | 'dropped' | 'unavailable';
      readonly microseconds: number;
    },
  ): void;
  /** An explanation that leaves the event loop stood `waitedUs` behind others until its version's thread began with it. */
  explanationWaited(facts: VersionName & { readonly waitedUs: number }): void;
}
