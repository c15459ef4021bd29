import type { GraphSignature, TensorSpec } from '../runtime.js';
import { MlmodelError, type Mlmodel, type SignatureSide } from './mlmodel.js';
import { unnamedInput } from './signature-manifest.js';

/** The output to which the signature gives no name. */
export const unnamedOutput = 'prediction';

/** The signature of a model that a scoring server computes. @throws MlmodelError unless it tells inputs and outputs */
export function scoringSignature({ inputs, outputs }: Mlmodel): GraphSignature {
  if (inputs === undefined || outputs === undefined) {
    const what = inputs === undefined ? 'signature' : 'outputs in its signature';
    throw new MlmodelError(`has no ${what}, by which answers could be checked: log the model with \`signature=\``);
  }
  if (outputs.specs.length > 1 && outputs.specs.some(({ name }) => name === undefined)) {
    throw new MlmodelError('has several outputs without names in its signature');
  }
  return { inputs: tensorsOf(inputs, unnamedInput), outputs: tensorsOf(outputs, unnamedOutput), kind: 'other' };
}

function tensorsOf(side: SignatureSide, unnamed: string): TensorSpec[] {
  if (side.kind === 'arrays') {
    return side.specs.map(({ name = unnamed, type, dims }) => ({ name, type, dims }));
  }
  return side.specs.map(({ name = unnamed, type }) => ({ name, type, dims: [null] }));
}
