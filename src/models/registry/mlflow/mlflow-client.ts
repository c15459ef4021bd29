import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { isPlainObject } from '../../../shared/json.js';
import { ServerClient, ServerFault, type ServerAnswer } from '../../runtimes/remote/server-client.js';

/** Who asks. A token wins over user and password. */
export interface MlflowCredentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

/** Why MLflow gave no answer, in words for who configured it. */
export class MlflowFault extends Error {
  override readonly name = 'MlflowFault';
  /** Of the reply; undefined where there was none. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }

  /** The answer was longer than its limit. */
  get tooLarge(): boolean {
    return this.cause instanceof ServerFault && this.cause.kind === 'too_large';
  }
}

export type Query = Readonly<Record<string, string>>;

export interface DownloadLimits {
  readonly maxBytes: number;
  /** Of one file. */
  readonly timeoutMs: number;
  readonly cancel: AbortSignal;
  /** Something has come. */
  readonly progress: () => void;
}

/** Largest answer of the registry, in bytes. */
const maxAnswerBytes = 8 << 20;

/** MLflow's REST API, as far as a registry is read. Redirects are not followed. */
export class MlflowClient {
  readonly #server: ServerClient;
  readonly #timeoutMs: number;

  /** @throws TypeError when `url` is none */
  constructor(url: string, credentials: MlflowCredentials, timeoutMs: number) {
    this.#server = new ServerClient(url, authorization(credentials), timeoutMs);
    this.#timeoutMs = timeoutMs;
  }

  /** The JSON object at `path`. @throws MlflowFault */
  async get(path: string, query: Query): Promise<Record<string, unknown>> {
    const answer = await told(() =>
      this.#server.call({
        method: 'GET',
        path: withQuery(path, query),
        maxBytes: maxAnswerBytes,
        timeoutMs: this.#timeoutMs,
      }),
    );
    if (answer.status !== 200) throw refusal(answer);
    const body = parsed(answer.body);
    if (isPlainObject(body)) return body;
    throw new MlflowFault('answers what is no JSON object: is this the address of an MLflow tracking server?', 200);
  }

  /** Writes what is at `path` to a new file. @returns its bytes @throws MlflowFault, or what the file system says */
  async download(path: string, query: Query, file: string, limits: DownloadLimits): Promise<number> {
    const stream = createWriteStream(file, { flags: 'wx', mode: 0o600 });
    // Told by `finished`; without a listener it would end the process.
    stream.on('error', () => undefined);
    let bytes = 0;
    try {
      const { maxBytes, timeoutMs, cancel } = limits;
      const call = { method: 'GET' as const, path: withQuery(path, query), maxBytes, timeoutMs, cancel };
      const answer = await told(() =>
        this.#server.download(call, async (chunk) => {
          bytes += chunk.length;
          limits.progress();
          if (!stream.write(chunk)) await once(stream, 'drain');
        }),
      );
      if (answer.status !== 200) throw refusal(answer);
      stream.end();
      await finished(stream);
      return bytes;
    } catch (error) {
      stream.destroy();
      await rm(file, { force: true });
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

function authorization({ username, password, token }: MlflowCredentials): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
}

function withQuery(path: string, query: Query): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? path : `${path}?${text}`;
}

async function told(call: () => Promise<ServerAnswer>): Promise<ServerAnswer> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof ServerFault)) throw error;
    const what = error.kind === 'unreachable' ? 'cannot be reached' : 'does not answer as it should';
    throw new MlflowFault(`${what}: ${error.message}`, undefined, { cause: error });
  }
}

function refusal({ status, body }: ServerAnswer): MlflowFault {
  if (status === 401) {
    return new MlflowFault(
      'refuses the credentials (401): see mlflow.username and mlflow.password, or mlflow.token',
      status,
    );
  }
  if (status >= 300 && status < 400) {
    return new MlflowFault(`redirects (${status}), which is not followed: name the address that it leads to`, status);
  }
  const error = parsed(body);
  const said = isPlainObject(error) && typeof error['message'] === 'string' ? error['message'] : body.toString('utf8');
  return new MlflowFault(`answers ${status}: ${printable(said)}`, status);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // What is no JSON has no members; who asked says so.
    return undefined;
  }
}

/** What another server wrote, short and on one line. */
function printable(text: string): string {
  const line = text
    .replaceAll(/[^\x21-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200);
  return line === '' ? 'nothing that can be shown' : line;
}
