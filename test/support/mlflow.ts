import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startServer, type TestServer } from './servers.js';

const run = promisify(execFile);

/** What clients/mlflow_models.py registered, and what scikit-learn answers for each row by each version of `iris`. */
export interface TrainedIris {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly number[])[];
  readonly probabilities: Readonly<Record<'1' | '2', readonly (readonly number[])[]>>;
}

export interface TestMlflow {
  readonly server: TestServer;
  readonly url: string;
  readonly iris: TrainedIris;
  /** A call of its REST API. */
  call(path: string, body: object): Promise<Record<string, unknown>>;
  setAlias(name: string, alias: string, version: string): Promise<unknown>;
}

/** A real MLflow with the models of clients/mlflow_models.py. Minutes, the first time on a machine. */
export async function startMlflow(env: Record<string, string> = {}): Promise<TestMlflow> {
  const server = await startServer('mlflow', env);
  const url = `http://127.0.0.1:${server.port}`;
  const options = { env: { ...process.env, ...env }, timeout: 900_000, maxBuffer: 1 << 24 };
  const { stdout } = await run('test/services/clients/mlflow', [url], options);
  const iris = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as TrainedIris;
  const user = env['MLFLOW_TRACKING_USERNAME'];
  const authorization =
    user === undefined ? {} : { authorization: `Basic ${btoa(`${user}:${env['MLFLOW_TRACKING_PASSWORD']}`)}` };
  const call = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json', ...authorization };
    const response = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`MLflow refused ${path}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const setAlias = (name: string, alias: string, version: string) =>
    call('registered-models/alias', { name, alias, version });
  return { server, url, iris, call, setAlias };
}

/** Variables of a service that serves an MLflow's models and no others. */
export function mlflowVariables(url: string, settings: Record<string, string> = {}): Record<string, string> {
  return {
    MLFLOW_TRACKING_URI: url,
    INFERENCE_SERVICE__MODELS__DIRECTORY: 'no-models-here',
    ...Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [`INFERENCE_SERVICE__MLFLOW__${name}`, value]),
    ),
  };
}
