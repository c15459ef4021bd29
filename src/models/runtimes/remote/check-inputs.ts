import { ServiceError } from '../../../shared/errors.js';
import { elementsOf } from '../../open-inference/datatypes.js';
import type { GraphSignature, TensorMap } from '../../runtime.js';

/**
 * What the encoder made fits by construction; this holds where tensors come from elsewhere.
 * @throws ServiceError INTERNAL_ERROR
 */
export function checkInputs(signature: GraphSignature, inputs: TensorMap, rows: number): void {
  if (!Number.isInteger(rows) || rows < 1) throw wrongInputs(`a run needs at least one row, not ${rows}`);
  for (const { name, type, dims } of signature.inputs) {
    const tensor = inputs[name];
    if (tensor === undefined) throw wrongInputs(`input '${name}' is missing`);
    const wanted = [rows, ...dims.slice(1)];
    const fits =
      tensor.dims.length === wanted.length && wanted.every((want, at) => want === null || want === tensor.dims[at]);
    if (tensor.type !== type || !fits || elementsOf(tensor.dims) !== tensor.data.length) {
      throw wrongInputs(`input '${name}' is ${tensor.type}[${tensor.dims.join(',')}]`);
    }
  }
}

function wrongInputs(why: string): ServiceError {
  return new ServiceError('INTERNAL_ERROR', 'The model was given wrong tensors', { cause: new Error(why) });
}
