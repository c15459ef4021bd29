import type { RemoteSource } from '../runtime-loader.js';
import type { VersionProblem } from '../version-problem.js';

/** A version as a registry holds it. */
export interface RegistryVersion {
  readonly version: string;
  /** Absolute path of its folder, links resolved; empty where it has none, or none yet. */
  readonly folder: string;
  /** Changes when the size or time of any of its files does. */
  readonly fingerprint: string;
  /** A server computes it; what it has of a folder describes it. */
  readonly remote?: RemoteSource;
  /**
   * `under_way`: its files are still being brought here, and it is loaded later; `delayed`: that failed, is tried again, and `problems` say why;
   * `whole`: it is as it will be. Absent: nobody knows, so two looks must see the same files.
   */
  readonly arrival?: 'under_way' | 'delayed' | 'whole';
  /** What stops it from being opened: a link that leaves the folder, too many files. */
  readonly problems: readonly VersionProblem[];
}

export interface RegistryModel {
  readonly modelId: string;
  readonly versions: readonly RegistryVersion[];
  /** Alias → version as written; undefined when they cannot be read, so that nobody falls back in silence. */
  readonly aliases: ReadonlyMap<string, string> | undefined;
  /** false: something could not be read, so a version that is not listed may still be there. */
  readonly complete: boolean;
  readonly problems: readonly VersionProblem[];
}

/** A folder that is neither model nor version. */
export interface IgnoredFolder {
  readonly folder: string;
  readonly reason: string;
}

/** Everything that a registry held at one moment. */
export interface RegistrySnapshot {
  readonly models: readonly RegistryModel[];
  readonly ignored: readonly IgnoredFolder[];
  /** false: something could not be read, so a model that is not listed may still be there. */
  readonly complete: boolean;
  /** Models that are taken away on purpose, whatever could be read. */
  readonly withdrawn?: ReadonlySet<string>;
  /** What is wrong with the registry as a whole. */
  readonly problems: readonly VersionProblem[];
}

/**
 * Where models come from. `scan` may be called again and again, never twice at once; what it cannot read is a problem in the
 * snapshot, never an exception. Order: models by id, versions by name.
 */
export interface Registry {
  scan(): Promise<RegistrySnapshot>;
}
