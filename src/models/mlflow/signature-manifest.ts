import { stringify } from 'yaml';
import { featureTypeOf } from '../manifest/infer-features.js';
import type { ManifestFeature } from '../manifest/manifest-schema.js';
import { MlmodelError, mlmodelFile, type ArraySpec, type ColumnSpec, type Mlmodel } from './mlmodel.js';

/** The feature that fills a tensor to which the signature gives no name. */
export const unnamedInput = 'input';

/**
 * The model.yaml that the signature of an MLmodel implies: a feature a column, or one a tensor.
 * @throws MlmodelError where there is no signature, or one that names no features
 */
export function manifestOfSignature(model: Mlmodel, description: string): string {
  const features = featuresOf(model);
  const comment = `# Made from the signature in ${mlmodelFile}. A model.yaml that is logged beside it takes its place.\n`;
  return comment + stringify({ ...(description !== '' && { description }), features }, { lineWidth: 120 });
}

function featuresOf({ inputs }: Mlmodel): ManifestFeature[] {
  if (inputs === undefined) {
    throw new MlmodelError(
      'has no signature, so nobody knows its features: log the model with `signature=` or `input_example=`, or with a model.yaml',
    );
  }
  return inputs.kind === 'columns' ? inputs.specs.map(columnFeature) : inputs.specs.map(arrayFeature);
}

function columnFeature({ name, type, required }: ColumnSpec): ManifestFeature {
  if (name === undefined) {
    throw new MlmodelError('has a signature without names of columns: log the model with a DataFrame as the example');
  }
  const optional = required ? {} : { nullable: true, default: null };
  return { name, type: featureTypeOf(type), ...optional };
}

function arrayFeature({ name = unnamedInput, type, dims }: ArraySpec): ManifestFeature {
  const rest = dims.slice(1);
  const shape = rest.filter((size) => size !== null);
  if (shape.length < rest.length) {
    throw new MlmodelError(`has a signature in which more than the rows of '${name}' varies: say how many it takes`);
  }
  const scalar = shape.every((size) => size === 1) && shape.length < 2;
  return { name, type: featureTypeOf(type), ...(!scalar && { shape }) };
}
