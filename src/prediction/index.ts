/** Front door of `prediction`. */
export type * from './types.js';
export type * from './observer.js';
export { PredictionPipeline, type PipelineParts } from './pipeline.js';
export { TensorInference } from './tensor-inference.js';
export type * from './tensor-inference.js';
export { minTimeoutMs } from './body/envelope.js';
