/** Front door of `features`: what the rest of the program may know of it. */
export type * from './view.js';
export type * from './feature-service.js';
export type * from './feature-store.js';
export type * from './feature-cache.js';
export { EntityKeyError } from './feature-store.js';
export type { CacheTrouble, FeaturesObserver } from './observer.js';
export { silentFeaturesObserver } from './observer.js';
export { FeatureDefinitionsError, loadFeatureViews, parseFeatureViews } from './definitions.js';
export type { DefinitionProblem } from './definitions.js';
export { featureViewsSchema } from './view-schema.js';
export { createFeatureService } from './create-feature-service.js';
export type { FeatureServiceParts } from './create-feature-service.js';
export { FeatureImportError, importFeatures } from './import/import-features.js';
export type { ImportOptions, ImportProblem, ImportResult } from './import/import-features.js';
export { describeEntity } from './import/describe-entity.js';
export type { DescribeOptions, EntityDescription } from './import/describe-entity.js';
