import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { maxMlmodelBytes, MlmodelError, mlmodelFile, readMlmodel, type Mlmodel } from '../../mlflow/mlmodel.js';
import { scoringSignature } from '../../mlflow/scoring-signature.js';
import { ModelLoadError } from '../../model-load-error.js';
import type { RemoteSource } from '../../runtime-loader.js';
import type { GraphSignature } from '../../runtime.js';
import type { ModelServers } from '../remote/model-servers.js';
import type { RemoteProtocol } from '../remote/remote-protocol.js';
import { RemoteRuntime } from '../remote/remote-runtime.js';
import { ServerFault, type ServerClient } from '../remote/server-client.js';
import { isServerUrl } from '../remote/server-url.js';
import { readInvocationsAnswer } from './invocations-answer.js';
import { invocationsRequest } from './invocations-request.js';

export interface MlflowSource {
  readonly modelId: string;
  /** Where MLmodel is: a scoring server does not tell its signature. */
  readonly folder: string;
  readonly remote: RemoteSource;
  readonly servers: ModelServers;
}

/**
 * A model that a scoring server of MLflow computes (`mlflow models serve`, POST /invocations).
 * @throws ModelLoadError, `passing` where the server could not be asked: it may come back.
 */
export async function loadMlflowRuntime({ modelId, folder, remote, servers }: MlflowSource): Promise<RemoteRuntime> {
  if (!isServerUrl(remote.url))
    throw new ModelLoadError(['its url must be http(s)://host:port, without user, query and fragment']);
  const { model, signature } = await readSignature(folder);
  const { options } = servers;
  const backend = servers.backend(remote.url, modelId);
  await requireReady(backend.client, options.timeoutMs);
  const protocol = invocationsProtocol(model, signature);
  return new RemoteRuntime({ modelId, backend, signature, protocol, watch: undefined, notes: [], options });
}

async function readSignature(folder: string): Promise<{ model: Mlmodel; signature: GraphSignature }> {
  const file = join(folder, mlmodelFile);
  try {
    if ((await stat(file)).size > maxMlmodelBytes) throw new MlmodelError(`is longer than ${maxMlmodelBytes} bytes`);
    const model = readMlmodel(await readFile(file, 'utf8'));
    return { model, signature: scoringSignature(model) };
  } catch (error) {
    if (error instanceof MlmodelError) throw new ModelLoadError([`${mlmodelFile} ${error.message}`], { cause: error });
    const message = `runtime mlflow needs the model's ${mlmodelFile} in the version's folder: it says what the server takes and gives`;
    throw new ModelLoadError([message], { cause: error });
  }
}

async function requireReady(client: ServerClient, timeoutMs: number): Promise<void> {
  const passing = (message: string, cause?: Error) =>
    new ModelLoadError([`the scoring server ${client.server} ${message}`], { passing: true, ...(cause && { cause }) });
  try {
    const { status } = await client.call({ method: 'GET', path: '/ping', maxBytes: 1 << 16, timeoutMs });
    if (status !== 200) throw passing(`is not ready: /ping answers ${status}`);
  } catch (error) {
    if (error instanceof ServerFault) throw passing(`cannot be asked: ${error.message}`, error);
    throw error;
  }
}

function invocationsProtocol(model: Mlmodel, signature: GraphSignature): RemoteProtocol {
  const inputs = model.inputs ?? { kind: 'columns', specs: [] };
  return {
    name: 'mlflow',
    request: (tensors) => invocationsRequest(inputs, tensors),
    answer: (answer, rows) => readInvocationsAnswer(answer, signature, rows),
  };
}
