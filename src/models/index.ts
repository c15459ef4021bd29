/** Front door of `models`: what the rest of the program may know of it. */
export type * from './catalogue.js';
export type * from './signature.js';
export type * from './runtime.js';
export type * from './runtime-loader.js';
export type * from './runtime-observer.js';
export type * from './observer.js';
export type * from './model-server-observer.js';
export type * from './mlflow-observer.js';
export type * from './explanation/explanation.js';
export type * from './explanation/observer.js';
export { isMissing } from './explanation/explanation.js';
export { datatypeOf, elementsOf, tensorTypeOf, TensorFormatError } from './open-inference/datatypes.js';
export { modelMetadata } from './open-inference/metadata.js';
export { ModelRepository } from './open-inference/model-repository.js';
export { elementBytes, fromBinary, textOf, toBinary } from './open-inference/binary-tensors.js';
export { fromJsonList, toJsonList } from './open-inference/json-tensors.js';
export { ModelLoadError } from './model-load-error.js';
export { compileFeatureCheck } from './feature-check.js';
