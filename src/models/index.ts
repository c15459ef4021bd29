/** Front door of `models`: what the rest of the program may know of it. */
export type * from './catalogue.js';
export type * from './signature.js';
export type * from './runtime.js';
export type * from './runtime-loader.js';
export type * from './runtime-observer.js';
export type * from './observer.js';
export type { ModelsOptions } from './options.js';
export { ModelLoadError } from './model-load-error.js';
export { compileFeatureCheck } from './feature-check.js';
export { manifestSchema } from './manifest/manifest-schema.js';
export { createCatalogue, type CreateCatalogueOptions } from './create-catalogue.js';
export type { Catalogue } from './lifecycle/catalogue.js';
export type { Timers } from './lifecycle/timers.js';
export type { FeatureViewSource, FeatureViewSources } from './lifecycle/stored-features.js';
export { checkVersionFolder, type CheckOptions, type VersionCheck } from './check/check-version-folder.js';
export { ImportRefused, importModel, type ImportOptions, type ImportResult } from './import/import-model.js';
export { promoteVersion, retireVersion, type VersionPlace } from './import/edit-aliases.js';
export { problemText, type VersionProblem } from './version-problem.js';
