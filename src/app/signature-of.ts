import type { ModelDescription } from '../models/index.js';
import type { Signature } from './operations.js';

/** The signature of a version or alias, or of the version that answers without one. @throws Error where there is none. */
export function signatureOf(model: ModelDescription, reference?: string): Signature {
  const named = reference?.startsWith('@') === true ? model.aliases[reference.slice(1)] : reference;
  const version = named ?? (reference === undefined ? model.default_version : undefined);
  const found = model.versions.find((one) => one.version === version);
  if (found?.features === undefined) {
    throw new Error(`model ${model.model_id} has no version ${reference ?? 'that answers'} whose features are known`);
  }
  return { features: found.features, entities: Object.keys(found.entities ?? {}) };
}
