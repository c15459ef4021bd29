import type { RuntimeDescription, ServingVersion } from '../catalogue.js';
import type { ManifestExample } from '../manifest/manifest-schema.js';
import type { GraphSignature } from '../runtime.js';
import type { ExplainsDescription } from '../explanation/explanation.js';

/** A version in memory: what answers, and what is told about it. */
export interface LoadedVersion {
  readonly serving: ServingVersion;
  readonly signature: GraphSignature;
  readonly description: string | undefined;
  readonly examples: readonly ManifestExample[];
  /** Oddities that do not stop it. */
  readonly warnings: readonly string[];
  readonly explains: ExplainsDescription;
  describeRuntime(): RuntimeDescription;
  /** Resolves when its runs in flight are done. */
  close(): Promise<void>;
}
