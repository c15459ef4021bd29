import type { Deadline } from '../../../shared/deadline.js';
import type { GraphSignature, Tensor, TensorMap, TensorSpec } from '../../runtime.js';
import { datatypeOf } from '../../open-inference/datatypes.js';
import type { ServerAnswer } from './server-client.js';
import { WrongAnswer } from './wrong-answer.js';

export interface RemoteRequest {
  /** Below the server's URL, beginning with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface RemoteAnswer {
  readonly outputs: TensorMap;
  /** The version that says that it answered. */
  readonly modelVersion: string | undefined;
}

/** How rows travel to a server and predictions back. */
export interface RemoteProtocol {
  /** As `describe` tells it, and model.yaml names it. */
  readonly name: string;
  /** `timeoutUs`: what is left of the time, for servers that heed it. */
  request(inputs: TensorMap, timeoutUs: number): RemoteRequest;
  /** @throws WrongAnswer unless every output of the signature is there, of its type and shape, for `rows` rows */
  answer(answer: ServerAnswer, rows: number): RemoteAnswer;
}

/** Whether a model is still what it was when it was loaded; for protocols that can ask. */
export interface ModelWatch {
  /** How the signature differs from the one that was loaded; undefined while it does not. */
  readonly change: string | undefined;
  /** Starts a look where the last one is too old; nobody waits for it. */
  keepUp(): void;
  /** Another version answered than before: its metadata counts before its answer does. */
  heedVersion(version: string | undefined, deadline: Deadline): Promise<void>;
  /** Looks now, as long as the deadline lets it. */
  lookWithin(deadline: Deadline): Promise<void>;
}

/** What a server answered, as JSON. @throws WrongAnswer */
export function parsedJson(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString('utf8'));
  } catch (error) {
    throw new WrongAnswer('it is not JSON', { cause: error });
  }
}

/** @throws WrongAnswer unless the tensor is the output that the signature says */
export function checkedOutput(spec: TensorSpec, tensor: Tensor | undefined, rows: number): Tensor {
  const { name, type, dims } = spec;
  if (tensor === undefined) throw new WrongAnswer(`output '${name}' is missing`);
  if (tensor.type !== type) {
    throw new WrongAnswer(`output '${name}' is ${datatypeOf(tensor.type)}, not ${datatypeOf(type)}`);
  }
  const wanted = [rows, ...dims.slice(1)];
  const fits =
    tensor.dims.length === wanted.length && wanted.every((want, at) => want === null || want === tensor.dims[at]);
  if (fits) return tensor;
  const shape = wanted.map((dimension) => dimension ?? -1).join(', ');
  throw new WrongAnswer(`output '${name}' has the shape [${tensor.dims.join(', ')}], not [${shape}]`);
}

/** Rows that one call may hold; undefined: any number. */
export function mostRows({ inputs }: GraphSignature): number | undefined {
  return inputs.some(({ dims }) => dims[0] === 1) ? 1 : undefined;
}
