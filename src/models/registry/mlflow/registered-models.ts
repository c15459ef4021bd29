import { isPlainObject } from '../../../shared/json.js';
import { MlflowFault, type MlflowClient } from './mlflow-client.js';

/** A version as MLflow's registry tells it. */
export interface MlflowVersion {
  readonly version: string;
  /** `Production`, `Staging`, `Archived`, `None`. */
  readonly stage: string;
  readonly description: string;
  /** Where it was logged from; in MLflow 3 `models:/m-…`, which is no location. */
  readonly source: string;
  readonly runId: string;
  /** Milliseconds since 1970: a number that was deleted may come again. */
  readonly created: number;
}

export interface RegisteredModel {
  readonly name: string;
  readonly updated: number;
  readonly aliases: ReadonlyMap<string, string>;
  /** The highest version of each stage that is ready. */
  readonly latest: readonly MlflowVersion[];
}

const base = '/api/2.0/mlflow';
const pageSize = '200';
/** Pages of a listing that are read. */
const maxPages = 50;

/** Every registered model that this user may see. @throws MlflowFault */
export async function listRegisteredModels(client: MlflowClient): Promise<RegisteredModel[]> {
  const models: RegisteredModel[] = [];
  let token = '';
  for (let page = 0; page < maxPages; page++) {
    const query = { max_results: pageSize, ...(token !== '' && { page_token: token }) };
    const body = await client.get(`${base}/registered-models/search`, query);
    refuseStranger(body);
    models.push(...objects(body['registered_models']).map(registeredModel));
    token = text(body['next_page_token']);
    if (token === '') return models;
  }
  throw new MlflowFault(`has more than ${maxPages * Number(pageSize)} registered models: name some in mlflow.include`);
}

/** The registered models of these names that exist. @throws MlflowFault */
export async function findRegisteredModels(
  client: MlflowClient,
  names: readonly string[],
): Promise<readonly RegisteredModel[]> {
  const found = await Promise.all(
    names.map((name) =>
      unlessAbsent(
        client.get(`${base}/registered-models/get`, { name }).then((body) => [modelIn(body)]),
        [],
      ),
    ),
  );
  return found.flat();
}

/** The `count` highest versions that are ready. @throws MlflowFault */
export async function highestVersions(client: MlflowClient, name: string, count: number): Promise<MlflowVersion[]> {
  const query = {
    filter: `name='${name.replaceAll("'", "''")}'`,
    order_by: 'version_number DESC',
    // Some may not be ready yet.
    max_results: String(count + 5),
  };
  const body = await client.get(`${base}/model-versions/search`, query);
  return objects(body['model_versions']).flatMap(readyVersion).slice(0, count);
}

/** One version; undefined where it is absent or not ready. @throws MlflowFault */
export async function findVersion(
  client: MlflowClient,
  name: string,
  version: string,
): Promise<MlflowVersion | undefined> {
  const body = await unlessAbsent(client.get(`${base}/model-versions/get`, { name, version }), undefined);
  return body === undefined ? undefined : objects([body['model_version']]).flatMap(readyVersion)[0];
}

/** Where the files of a version are. @throws MlflowFault */
export async function artifactUri(client: MlflowClient, name: string, version: string): Promise<string> {
  const body = await client.get(`${base}/model-versions/get-download-uri`, { name, version });
  return text(body['artifact_uri']);
}

/** An empty registry answers `{}`; another server's answer must not pass for that. */
function refuseStranger(body: Record<string, unknown>): void {
  if (Object.keys(body).some((key) => key !== 'registered_models' && key !== 'next_page_token')) {
    throw new MlflowFault('answers what is no listing: is this the address of an MLflow tracking server?');
  }
}

async function unlessAbsent<T, U>(asked: Promise<T>, absent: U): Promise<T | U> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof MlflowFault && error.status === 404) return absent;
    throw error;
  }
}

function modelIn(body: Record<string, unknown>): RegisteredModel {
  const [model] = objects([body['registered_model']]);
  if (model === undefined) throw new MlflowFault('answers without a registered model');
  return registeredModel(model);
}

function registeredModel(entry: Record<string, unknown>): RegisteredModel {
  const name = text(entry['name']);
  if (name === '') throw new MlflowFault('lists a model without a name');
  const aliases = objects(entry['aliases']).map(({ alias, version }) => [text(alias), text(version)] as const);
  return {
    name,
    updated: number(entry['last_updated_timestamp']),
    aliases: new Map(aliases.filter(([alias, version]) => alias !== '' && version !== '')),
    latest: objects(entry['latest_versions']).flatMap(readyVersion),
  };
}

function readyVersion(entry: Record<string, unknown>): MlflowVersion[] {
  const version = text(entry['version']);
  if (!/^[1-9]\d{0,8}$/.test(version) || entry['status'] !== 'READY') return [];
  return [
    {
      version,
      stage: text(entry['current_stage']),
      description: text(entry['description']),
      source: text(entry['source']),
      runId: text(entry['run_id']),
      created: number(entry['creation_timestamp']),
    },
  ];
}

/** A member that is left out is an empty list; anything else that is no list is not MLflow's. */
function objects(list: unknown): Record<string, unknown>[] {
  if (list === undefined) return [];
  if (Array.isArray(list) && list.every(isPlainObject)) return list;
  throw new MlflowFault('answers what is no listing: is this the address of an MLflow tracking server?');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** 64-bit integers of protocol buffers come as numbers or as text. */
function number(value: unknown): number {
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : 0;
}
