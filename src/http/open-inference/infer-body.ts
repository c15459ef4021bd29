import { fromBinary, fromJsonList, tensorTypeOf, TensorFormatError, type Tensor } from '../../models/index.js';
import type { TensorRequest } from '../../prediction/index.js';
import { ServiceError } from '../../shared/errors.js';
import { isPlainObject } from '../../shared/json.js';

/** A request for inference as it was read, with what its reply has to know. */
export interface InferBody {
  readonly request: TensorRequest;
  readonly id: string | undefined;
  /** Whether an output is wanted in binary form. */
  readonly isBinary: (output: string) => boolean;
}

export const headerLengthName = 'inference-header-content-length';

/**
 * Reads the body of an inference request: JSON, or JSON with tensors in binary form behind it. Members that the protocol does not
 * know are ignored, as clients send some.
 * @throws ServiceError INVALID_REQUEST
 */
export function readInferBody(body: Buffer, headerLength: string | string[] | undefined): InferBody {
  const length = headerLength === undefined ? body.length : lengthOf(headerLength);
  if (!(length <= body.length)) throw refused('Inference-Header-Content-Length is not the length of the JSON part');
  const json = parsed(body.subarray(0, length));
  const parameters = json['parameters'];
  const outputs = wantedOutputs(json['outputs']);
  const byDefault = isPlainObject(parameters) && parameters['binary_data_output'] === true;
  return {
    request: {
      inputs: readTensors(json['inputs'], body.subarray(length)),
      outputs: outputs.length === 0 ? undefined : outputs.map(({ name }) => name),
      timeoutMs: timeoutOf(parameters),
    },
    id: typeof json['id'] === 'string' ? json['id'] : undefined,
    isBinary: (name) => outputs.find((output) => output.name === name)?.binary ?? byDefault,
  };
}

function lengthOf(header: string | string[]): number {
  return typeof header === 'string' && /^\d{1,12}$/.test(header) ? Number(header) : Number.NaN;
}

function parsed(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (isPlainObject(value)) return value;
  } catch (error) {
    throw new ServiceError('INVALID_REQUEST', 'The body is not valid JSON', { cause: error });
  }
  throw refused('The body must be a JSON object');
}

/** Microseconds, 0 or absent for no wish of the caller's. */
function timeoutOf(parameters: unknown): number | undefined {
  const timeout = isPlainObject(parameters) ? parameters['timeout'] : undefined;
  if (timeout === undefined || timeout === 0) return undefined;
  const valid = typeof timeout === 'number' && Number.isInteger(timeout) && timeout > 0;
  if (!valid) throw refused('The parameter timeout must be a whole number of microseconds');
  return timeout / 1000;
}

function wantedOutputs(outputs: unknown): readonly { readonly name: string; readonly binary: boolean | undefined }[] {
  if (outputs === undefined) return [];
  if (!Array.isArray(outputs)) throw refused('outputs must be a list');
  return outputs.map((output: unknown) => {
    if (!isPlainObject(output) || typeof output['name'] !== 'string') throw refused('Each of outputs needs a name');
    const { name, parameters } = output;
    const binary = isPlainObject(parameters) ? parameters['binary_data'] : undefined;
    return { name: name, binary: typeof binary === 'boolean' ? binary : undefined };
  });
}

function readTensors(inputs: unknown, blobs: Buffer): Record<string, Tensor> {
  if (!Array.isArray(inputs)) throw refused('inputs must be a list of tensors');
  // Without a prototype: names are the caller's.
  const tensors = Object.create(null) as Record<string, Tensor>;
  let at = 0;
  inputs.forEach((input: unknown, index) => {
    const { name, size, read } = tensorForm(input, index);
    if (tensors[name] !== undefined) throw refused(`inputs/${index} has the name of another`);
    if (at + size > blobs.length) throw refused(`inputs/${index}: its binary data is cut off`);
    tensors[name] = tensorOf(index, () => read(blobs.subarray(at, at + size)));
    at += size;
  });
  if (at < blobs.length) throw refused('There is more binary data than the inputs say');
  return tensors;
}

function tensorOf(index: number, read: () => Tensor): Tensor {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TensorFormatError)) throw error;
    throw refused(`inputs/${index}: ${error.message}`);
  }
}

interface TensorForm {
  readonly name: string;
  /** Bytes of its binary data; 0 where it is in the JSON. */
  readonly size: number;
  readonly read: (blob: Buffer) => Tensor;
}

function tensorForm(input: unknown, index: number): TensorForm {
  if (!isPlainObject(input) || typeof input['name'] !== 'string') throw refused(`inputs/${index} needs a name`);
  const { name, shape, datatype, parameters, data } = input;
  const type = typeof datatype === 'string' ? tensorTypeOf(datatype) : undefined;
  if (type === undefined) throw refused(`inputs/${index} has no datatype that is known`);
  if (!Array.isArray(shape) || !shape.every((dimension) => Number.isInteger(dimension))) {
    throw refused(`inputs/${index} needs a shape of whole numbers`);
  }
  const size = isPlainObject(parameters) ? parameters['binary_data_size'] : undefined;
  const dims = shape as readonly number[];
  if (size === undefined) return { name: name, size: 0, read: () => fromJsonList(type, dims, data) };
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw refused(`inputs/${index}: binary_data_size is no size`);
  return { name: name, size: size as number, read: (blob) => fromBinary(type, dims, blob) };
}

function refused(message: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', message);
}
