import type { JsonValue } from '../../shared/json.js';
import type { VersionDescription } from '../catalogue.js';
import type { LoadedVersion } from '../lifecycle/loaded-version.js';
import { suppliedByEntity, type FeatureViewSources } from '../lifecycle/stored-features.js';
import type { Version } from '../lifecycle/version.js';
import { exampleRow, namedRow } from './example-row.js';
import { featuresSchema } from './feature-schema.js';

/** A version as /v1/models tells it. */
export function describeVersion(
  version: Version,
  aliases: readonly string[],
  views: FeatureViewSources,
): VersionDescription {
  const { life } = version;
  const base = { version: version.name.version, state: life.state, aliases };
  if (life.state === 'failed') return { ...base, reasons: [life.reason] };
  if (life.state !== 'ready' && life.state !== 'draining') return { ...base, reasons: [] };
  const { loaded } = life;
  const entities = suppliedByEntity(loaded.serving.features, views);
  return {
    ...base,
    reasons: [...(version.changedInPlace ? ['changed_in_place'] : []), ...loaded.warnings],
    ...(loaded.description !== undefined && { description: loaded.description }),
    runtime: loaded.describeRuntime(),
    explains: loaded.explains,
    features: featuresSchema(loaded.serving.features),
    ...(entities !== undefined && { entities }),
    example: exampleRequest(loaded),
  };
}

/** A request body that the version answers: its first example, else a made-up row. */
export function exampleRequest({ serving, examples }: Pick<LoadedVersion, 'serving' | 'examples'>): JsonValue {
  const [first] = examples;
  const features = first?.features ?? namedRow(serving.features, exampleRow(serving.features));
  return { model_id: serving.modelId, features: features as Record<string, JsonValue> };
}
