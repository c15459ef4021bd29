import type { GraphSignature } from '../../runtime.js';
import type { RemoteProtocol } from '../remote/remote-protocol.js';
import { readInferAnswer } from './infer-answer.js';
import { binaryRequest, jsonRequest } from './infer-request.js';
import type { RemoteModel } from './remote-model.js';

/** The Open Inference Protocol over REST. `binary`: the server takes and gives tensors in binary form. */
export function inferProtocol(remote: RemoteModel, signature: GraphSignature, binary: boolean): RemoteProtocol {
  const encode = binary ? binaryRequest : jsonRequest;
  const path = `${remote.path}/infer`;
  return {
    name: 'open-inference',
    request: (inputs, timeoutUs) => ({ ...encode(signature, inputs, timeoutUs), path }),
    answer: (answer, rows) => readInferAnswer(answer, signature, rows),
  };
}
