import type { VersionName } from './runtime-observer.js';

/** Facts about an MLflow registry. */
export interface MlflowObserver {
  /** MLflow was asked what it holds. */
  registryAsked(facts: { readonly answered: boolean }): void;
  /** What says which version `production` is, told at first and when it changes: an alias or a stage; undefined: nothing does. */
  productionChosen(facts: { readonly modelId: string; readonly by: string | undefined }): void;
  /** All files of a version have come and are kept on this machine. */
  versionFetched(
    facts: VersionName & {
      readonly files: number;
      readonly bytes: number;
      readonly digest: string;
      readonly milliseconds: number;
    },
  ): void;
  /** It is tried again after `retryInMs`. */
  fetchFailed(facts: VersionName & { readonly reason: string; readonly retryInMs: number }): void;
  /** A copy that nothing has asked for in a while is no longer kept. */
  copyDropped(facts: { readonly modelId: string; readonly key: string }): void;
}
