import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';

/** A version that the fake holds. Its files by their path. */
export interface HeldVersion {
  files: Record<string, string | Buffer>;
  stage?: string;
  status?: string;
  description?: string;
  created?: number;
}

export interface HeldRegisteredModel {
  versions: Record<string, HeldVersion>;
  aliases?: Record<string, string>;
}

type Query = (name: string) => string;

/** Answers in the fake's place; false: it has not. */
type Intrusion = (path: string, response: ServerResponse) => boolean;

const graph = readFileSync(new URL('../fixtures/models/half-plus-two.onnx', import.meta.url));
const column = '[{"type": "float", "name": "x", "required": true}]';

/** An MLmodel of y = x / 2 + 2 with the ONNX flavour; `signature: null` leaves the signature out. */
export function mlmodelText(inputs: string | null = column, rest = ''): string {
  const signature = inputs === null ? '' : `signature:\n  inputs: '${inputs}'\n  outputs: null\n  params: null\n`;
  return `flavors:\n  onnx:\n    data: model.onnx\n  python_function:\n    loader_module: mlflow.onnx\n${signature}${rest}`;
}

export const halfPlusTwoFiles = (): Record<string, string | Buffer> => ({
  MLmodel: mlmodelText(),
  'model.onnx': graph,
  'conda.yaml': 'name: env\n',
});

/** A registry of MLflow with its artifact proxy, over what the test holds in `models`. Counts what it is asked. */
export class FakeMlflow {
  models: Record<string, HeldRegisteredModel> = {};
  readonly asked: string[] = [];
  intrude: Intrusion = () => false;
  /** `none`: the proxy is off, and models are in runs; `logged`: off, and models stand by themselves. */
  artifacts: 'proxy' | 'run' | 'logged' | 'unlisted' = 'proxy';
  authorization: string | undefined;
  #server: Server;
  #port = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeMlflow> {
    const fake = new FakeMlflow(createServer());
    await fake.#listen();
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  count(part: string): number {
    return this.asked.filter((path) => path.includes(part)).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** After `stop`, on the same port. */
  async restart(): Promise<void> {
    this.#server = createServer();
    await this.#listen();
  }

  async #listen(): Promise<void> {
    this.#server.on('request', (request, response) => this.#answer(request, response));
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.url);
    const path = decodeURIComponent(url.pathname);
    this.asked.push(`${path}${url.search}`);
    if (this.intrude(path, response)) return;
    if (this.authorization !== undefined && request.headers.authorization !== this.authorization) {
      response.writeHead(401, { 'content-type': 'text/html', 'www-authenticate': 'Basic realm="mlflow"' });
      return void response.end('<html>You are not authenticated.</html>');
    }
    const query = (name: string) => url.searchParams.get(name) ?? '';
    const found = this.#registry(path, query) ?? this.#files(path, query);
    if (found === undefined) return send(response, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'no such' }, 404);
    if (Buffer.isBuffer(found)) return void response.end(found);
    send(response, found);
  }

  #registry(path: string, query: Query): object | undefined {
    const name = query('name');
    const routes: Record<string, () => object | undefined> = {
      'registered-models/search': () => this.#page(Number(query('page_token') || 0)),
      'registered-models/get': () => this.models[name] && { registered_model: this.#registered(name) },
      'model-versions/search': () => this.#search(query),
      'model-versions/get': () =>
        this.models[name]?.versions[query('version')] && { model_version: this.#version(name, query('version')) },
      'model-versions/get-download-uri': () => ({ artifact_uri: this.#uri(name, query('version')) }),
    };
    return routes[path.replace('/api/2.0/mlflow/', '')]?.();
  }

  #page(from: number): object {
    const all = Object.keys(this.models).map((one) => this.#registered(one));
    const pageSize = 2;
    const next = from + pageSize < all.length ? { next_page_token: String(from + pageSize) } : {};
    return all.length === 0 ? {} : { registered_models: all.slice(from, from + pageSize), ...next };
  }

  #search(query: Query): object {
    const wanted = /name='(.*)'$/.exec(query('filter'))?.[1]?.replaceAll("''", "'") ?? '';
    const versions = Object.keys(this.models[wanted]?.versions ?? {}).sort((a, b) => Number(b) - Number(a));
    const shown = versions.slice(0, Number(query('max_results')));
    return { model_versions: shown.map((version) => this.#version(wanted, version)) };
  }

  #registered(name: string): object {
    const { versions = {}, aliases = {} } = this.models[name] ?? {};
    const heads = new Map<string, string>();
    for (const [version, { stage = 'None', status = 'READY' }] of Object.entries(versions)) {
      if (status === 'READY' && Number(version) > Number(heads.get(stage) ?? 0)) heads.set(stage, version);
    }
    return {
      name,
      last_updated_timestamp: Object.values(versions).reduce((sum, { created = 1 }) => sum + created, 0),
      latest_versions: [...heads.values()].map((version) => this.#version(name, version)),
      ...(Object.keys(aliases).length > 0 && {
        aliases: Object.entries(aliases).map(([alias, version]) => ({ alias, version })),
      }),
    };
  }

  #version(name: string, version: string): object {
    const held = this.models[name]?.versions[version];
    const logged = this.artifacts === 'logged' ? `models:/m-${version.padStart(32, '0')}` : `mlflow-artifacts:/x`;
    return {
      name,
      version,
      // As some servers write 64-bit integers.
      creation_timestamp: String(held?.created ?? 1),
      current_stage: held?.stage ?? 'None',
      description: held?.description ?? '',
      source: logged,
      run_id: this.artifacts === 'run' ? `run-${version}` : '',
      status: held?.status ?? 'READY',
    };
  }

  #uri(name: string, version: string): string {
    if (this.artifacts === 'proxy') return `mlflow-artifacts://evil.example:1/${name}/${version}/artifacts`;
    return `s3://bucket/1/run-${version}/artifacts/model`;
  }

  #files(path: string, query: Query): object | Buffer | undefined {
    if (path === '/model-versions/get-artifact') return this.#bytes(query('name'), query('version'), query('path'));
    switch (this.artifacts) {
      case 'proxy':
        return this.#proxied(path, query);
      case 'run':
        return path === '/api/2.0/mlflow/artifacts/list' ? this.#inRun(query) : undefined;
      case 'logged':
        return this.#logged(path, query);
      default:
        return undefined;
    }
  }

  #proxied(path: string, query: Query): object | Buffer | undefined {
    const base = '/api/2.0/mlflow-artifacts/artifacts';
    if (path === base) {
      const [name = '', version = '', , ...folder] = query('path').split('/');
      return { files: this.#list(name, version, folder.join('/'), false) };
    }
    if (!path.startsWith(`${base}/`)) return undefined;
    const [name = '', version = '', , ...file] = path.slice(base.length + 1).split('/');
    return this.#bytes(name, version, file.join('/'));
  }

  #inRun(query: Query): object {
    const folder = query('path').replace(/^model\/?/, '');
    const files = this.#list(this.#only(), query('run_id').slice('run-'.length), folder, true);
    return { files: files.map((file) => ({ ...file, path: `model/${file.path}` })) };
  }

  #logged(path: string, query: Query): object | undefined {
    const version = /^\/api\/2\.0\/mlflow\/logged-models\/m-0*(\d+)\/artifacts\/directories$/.exec(path)?.[1];
    if (version === undefined) return undefined;
    return { files: this.#list(this.#only(), version, query('artifact_directory_path'), true) };
  }

  #only(): string {
    return Object.keys(this.models)[0] ?? '';
  }

  #list(name: string, version: string, folder: string, whole: boolean) {
    const files = this.models[name]?.versions[version]?.files ?? {};
    const prefix = folder === '' ? '' : `${folder}/`;
    const found = new Map<string, { path: string; is_dir: boolean; file_size?: number }>();
    for (const [path, bytes] of Object.entries(files)) {
      if (!path.startsWith(prefix)) continue;
      const [first = '', ...rest] = path.slice(prefix.length).split('/');
      const shown = whole ? prefix + first : first;
      if (rest.length > 0) found.set(first, { path: shown, is_dir: true });
      else found.set(first, { path: shown, is_dir: false, file_size: Buffer.from(bytes).length });
    }
    return [...found.values()];
  }

  #bytes(name: string, version: string, path: string): Buffer | undefined {
    const bytes = this.models[name]?.versions[version]?.files[path];
    return bytes === undefined ? undefined : Buffer.from(bytes);
  }
}

/** A version that is `halfPlusTwoFiles`, but for what the test says. */
export function heldVersion(rest: Partial<HeldVersion> = {}): HeldVersion {
  return { files: halfPlusTwoFiles(), ...rest };
}

/** What an intrusion answers. */
export function answer(response: ServerResponse, status: number, body: string): true {
  response.writeHead(status, { location: 'http://127.0.0.1:1/' });
  response.end(body);
  return true;
}

function send(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
