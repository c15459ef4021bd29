import type { BatchObserver, RuntimeObserver, VersionName } from './runtime-observer.js';
import type { VersionState } from './catalogue.js';
import type { ExplanationObserver } from './explanation/observer.js';

/** Facts about where models come from. */
export interface RegistryObserver {
  /** A folder that is neither model nor version; told once. */
  folderIgnored(facts: { readonly folder: string; readonly reason: string }): void;
  /** Something is wrong with the registry or, with `modelId`, one model's folder; told when it is first seen. */
  registryProblem(facts: { readonly modelId?: string; readonly problem: string }): void;
}

/** Facts about the life of versions. */
export interface LifecycleObserver {
  /** The state is true already. `milliseconds`: how long the state before it lasted. */
  versionStateChanged(
    facts: VersionName & {
      readonly from: VersionState['state'] | null;
      readonly to: VersionState['state'];
      readonly reason?: string;
      readonly milliseconds: number;
    },
  ): void;
  /** An alias answers by another version now; null: none. */
  aliasMoved(facts: {
    readonly modelId: string;
    readonly alias: string;
    readonly from: string | null;
    readonly to: string | null;
  }): void;
  /** A golden row of a version being loaded gave another answer than its training library. */
  goldenRowFailed(facts: VersionName & { readonly index: number; readonly message: string }): void;
  /** Files of a ready version changed; the loaded ones go on answering. */
  changedInPlace(facts: VersionName): void;
  /** Something odd that does not stop a version from answering. */
  versionWarning(facts: VersionName & { readonly message: string }): void;
  /** A retired version still had `leases` calls when its time to drain was over. */
  drainTimedOut(facts: VersionName & { readonly leases: number }): void;
}

/** Everything that models can tell. */
export interface ModelsObserver
  extends RegistryObserver, LifecycleObserver, RuntimeObserver, BatchObserver, ExplanationObserver {}
