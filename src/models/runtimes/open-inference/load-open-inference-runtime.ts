import { ModelLoadError } from '../../model-load-error.js';
import type { RemoteSource } from '../../runtime-loader.js';
import type { ModelServers } from '../remote/model-servers.js';
import { RemoteRuntime } from '../remote/remote-runtime.js';
import { ServerFault } from '../remote/server-client.js';
import { isServerUrl } from '../remote/server-url.js';
import { inferProtocol } from './infer-protocol.js';
import { remoteModel } from './remote-model.js';
import { readRemoteSignature } from './remote-signature.js';
import { modelMetadata, offersBinary, SignatureWatch } from './signature-watch.js';

export interface OpenInferenceSource {
  readonly modelId: string;
  readonly remote: RemoteSource;
  readonly servers: ModelServers;
}

/**
 * Asks a model server for a model's signature and how it takes tensors.
 * @throws ModelLoadError, `passing` where the server could not be asked: it may come back.
 */
export async function loadOpenInferenceRuntime({
  modelId,
  remote,
  servers,
}: OpenInferenceSource): Promise<RemoteRuntime> {
  const { url, model } = remote;
  if (!isServerUrl(url))
    throw new ModelLoadError(['its url must be http(s)://host:port, without user, query and fragment']);
  const { options } = servers;
  const { timeoutMs } = options;
  const backend = servers.backend(url, modelId);
  const target = remoteModel(remote);
  try {
    const metadata = await modelMetadata(backend.client, target, { timeoutMs });
    if (metadata === undefined)
      throw passing(`the model server ${backend.client.server} has no model '${model}' ready`);
    const read = readRemoteSignature(metadata);
    if (read.signature === undefined) throw new ModelLoadError(read.problems);
    const binary = await offersBinary(backend.client, timeoutMs);
    const { signature, notes } = read;
    const protocol = inferProtocol(target, signature, binary);
    const watch = new SignatureWatch({ modelId, remote: target, backend, signature, options });
    return new RemoteRuntime({ modelId, backend, signature, protocol, watch, notes, options });
  } catch (error) {
    if (error instanceof ServerFault)
      throw passing(`the model server ${backend.client.server}: ${error.message}`, error);
    throw error;
  }
}

function passing(message: string, cause?: Error): ModelLoadError {
  return new ModelLoadError([message], { passing: true, ...(cause && { cause }) });
}
