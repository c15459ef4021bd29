import { isPlainObject } from '../../../shared/json.js';
import { fromBinary } from '../../open-inference/binary-tensors.js';
import { tensorTypeOf, TensorFormatError } from '../../open-inference/datatypes.js';
import { fromJsonList } from '../../open-inference/json-tensors.js';
import type { GraphSignature, Tensor } from '../../runtime.js';
import { checkedOutput, parsedJson, type RemoteAnswer } from '../remote/remote-protocol.js';
import type { ServerAnswer } from '../remote/server-client.js';
import { WrongAnswer } from '../remote/wrong-answer.js';
import { headerLengthHeader } from './infer-request.js';

/** @throws WrongAnswer unless every output of the signature is there, of its type and shape, for `rows` rows */
export function readInferAnswer(answer: ServerAnswer, signature: GraphSignature, rows: number): RemoteAnswer {
  const { json, blobs } = split(answer);
  const body = parsedJson(json);
  if (!isPlainObject(body) || !Array.isArray(body['outputs'])) throw new WrongAnswer('it has no outputs');
  const tensors = tensorsOf(body['outputs'], blobs);
  const outputs: Record<string, Tensor> = {};
  for (const spec of signature.outputs) outputs[spec.name] = checkedOutput(spec, tensors.get(spec.name), rows);
  const version = body['model_version'];
  return { outputs, modelVersion: typeof version === 'string' ? version : undefined };
}

function split({ headers, body }: ServerAnswer): { readonly json: Buffer; readonly blobs: Buffer } {
  const header = headers[headerLengthHeader];
  if (header === undefined) return { json: body, blobs: body.subarray(body.length) };
  const length = typeof header === 'string' && /^\d{1,12}$/.test(header) ? Number(header) : Number.NaN;
  if (!(length <= body.length)) throw new WrongAnswer('its header says that its JSON part is longer than the whole');
  return { json: body.subarray(0, length), blobs: body.subarray(length) };
}

function tensorsOf(list: readonly unknown[], blobs: Buffer): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  let at = 0;
  for (const entry of list) {
    const { name, dims, type, data, binarySize } = form(entry);
    if (tensors.has(name)) throw new WrongAnswer(`output '${name}' is there twice`);
    try {
      const blob = blobs.subarray(at, at + (binarySize ?? 0));
      tensors.set(name, binarySize === undefined ? fromJsonList(type, dims, data) : fromBinary(type, dims, blob));
    } catch (error) {
      if (!(error instanceof TensorFormatError)) throw error;
      throw new WrongAnswer(`output '${name}': ${error.message}`, { cause: error });
    }
    at += binarySize ?? 0;
  }
  if (at !== blobs.length) throw new WrongAnswer('its binary part is not as long as its outputs say');
  return tensors;
}

function form(entry: unknown) {
  if (!isPlainObject(entry)) throw new WrongAnswer('an output is no object');
  const { name, shape, datatype, data, parameters } = entry;
  if (typeof name !== 'string') throw new WrongAnswer('an output has no name');
  const type = typeof datatype === 'string' ? tensorTypeOf(datatype) : undefined;
  if (type === undefined) throw new WrongAnswer(`output '${name}' has no datatype that is known`);
  if (!Array.isArray(shape) || !shape.every((dimension) => typeof dimension === 'number')) {
    throw new WrongAnswer(`output '${name}' has no shape`);
  }
  const size = isPlainObject(parameters) ? parameters['binary_data_size'] : undefined;
  const binarySize = Number.isSafeInteger(size) && (size as number) >= 0 ? (size as number) : undefined;
  return { name, dims: shape, type, data, binarySize };
}
