import { isPlainObject, jsonTypeOf } from '../../../shared/json.js';
import { TensorFormatError } from '../../open-inference/datatypes.js';
import { fromJsonList } from '../../open-inference/json-tensors.js';
import type { GraphSignature, Tensor, TensorSpec } from '../../runtime.js';
import { checkedOutput, parsedJson, type RemoteAnswer } from '../remote/remote-protocol.js';
import type { ServerAnswer } from '../remote/server-client.js';
import { WrongAnswer } from '../remote/wrong-answer.js';

/**
 * `{"predictions": …}` of POST /invocations: a list where there is one output, else records, or lists by name.
 * @throws WrongAnswer unless every output of the signature is there, of its type and shape, for `rows` rows
 */
export function readInvocationsAnswer({ body }: ServerAnswer, signature: GraphSignature, rows: number): RemoteAnswer {
  const json = parsedJson(withoutNotANumbers(body));
  if (!isPlainObject(json) || !Object.hasOwn(json, 'predictions')) throw new WrongAnswer('it has no predictions');
  const { predictions } = json;
  const outputs: Record<string, Tensor> = {};
  for (const spec of signature.outputs) {
    const data = dataOf(predictions, spec.name, signature.outputs.length === 1);
    outputs[spec.name] = checkedOutput(spec, tensorOf(spec, data, rows), rows);
  }
  return { outputs, modelVersion: undefined };
}

/** Python writes NaN and the infinities, which JSON lacks, as they are: null stands for them, as elsewhere. */
function withoutNotANumbers(body: Buffer): Buffer {
  if (!body.includes('NaN') && !body.includes('Infinity')) return body;
  const text = body.toString('utf8');
  return Buffer.from(
    text.replaceAll(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) => (found.startsWith('"') ? found : 'null')),
  );
}

/** What the server wrote for one output. */
function dataOf(predictions: unknown, name: string, only: boolean): unknown {
  if (isPlainObject(predictions)) return member(predictions, name, only);
  if (!Array.isArray(predictions)) throw new WrongAnswer(`its predictions are ${jsonTypeOf(predictions)}`);
  if (predictions.length > 0 && predictions.every(isPlainObject)) {
    return predictions.map((record) => member(record, name, only));
  }
  if (only) return predictions;
  throw new WrongAnswer(`output '${name}' is missing: its predictions have no names`);
}

/** A single output has the name that pandas made up, where the signature gives none. */
function member(values: Record<string, unknown>, name: string, only: boolean): unknown {
  if (Object.hasOwn(values, name)) return values[name];
  const all = Object.values(values);
  if (only && all.length === 1) return all[0];
  throw new WrongAnswer(`output '${name}' is missing`);
}

function tensorOf({ name, type, dims }: TensorSpec, data: unknown, rows: number): Tensor {
  const count = Array.isArray(data) ? data.length : 0;
  if (count !== rows) throw new WrongAnswer(`output '${name}' has ${count} rows, not ${rows}`);
  const given = shapeOf(data);
  const wanted = dims.map((size, at) => (at === 0 ? rows : (size ?? given[at] ?? 1)));
  try {
    return fromJsonList(type, wanted, data);
  } catch (error) {
    if (!(error instanceof TensorFormatError)) throw error;
    throw new WrongAnswer(`output '${name}': ${error.message}`, { cause: error });
  }
}

function shapeOf(data: unknown): number[] {
  return Array.isArray(data) ? [data.length, ...shapeOf(data[0])] : [];
}
