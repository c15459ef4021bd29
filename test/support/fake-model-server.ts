import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { LoopbackServer } from './loopback-server.js';

type Json = Record<string, unknown>;

/** What a request for a prediction meets. */
export type Infer = (request: { readonly body: Buffer; readonly response: ServerResponse }) => void | Promise<void>;

/** A model server of y = x / 2 + 2 that the test may make faulty. Speaks JSON, and binary tensors where `binary`. */
export class FakeModelServer {
  readonly paths: string[] = [];
  /** Of the last request. */
  headers: IncomingHttpHeaders = {};
  inferCalls = 0;
  binary = false;
  metadata: Json = {
    name: 'half',
    platform: 'fake',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  };
  index: unknown = [{ name: 'half', version: '1', state: 'READY', reason: '' }];
  version = '1';
  /** Answers for the model in its place. */
  infer: Infer | undefined;
  #server: LoopbackServer | undefined;

  static async start(): Promise<FakeModelServer> {
    const fake = new FakeModelServer();
    fake.#server = await LoopbackServer.start((request, response, body) => fake.#answer(request, response, body));
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const path = request.url ?? '';
    this.paths.push(`${request.method} ${path}`);
    this.headers = request.headers;
    if (path.endsWith('/infer')) {
      this.inferCalls++;
      return this.infer === undefined
        ? this.#predict(request, body, response)
        : void (await this.infer({ body, response }));
    }
    if (path === '/v2')
      return json(response, { name: 'fake', version: '1', extensions: this.binary ? ['binary_tensor_data'] : [] });
    if (path === '/v2/repository/index') return json(response, this.index);
    if (/^\/v2\/models\/half(\/versions\/[^/]+)?$/.test(path)) return json(response, this.metadata);
    json(response, { error: 'not found' }, 404);
  }

  #predict(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const header = request.headers['inference-header-content-length'];
    const length = header === undefined ? body.length : Number(header);
    const parsed = JSON.parse(body.subarray(0, length).toString()) as {
      inputs: { shape: number[]; data?: number[] }[];
    };
    const [input] = parsed.inputs;
    if (input === undefined) return json(response, { error: 'no input' }, 400);
    const values = input.data ?? [...new Float32Array(Uint8Array.from(body.subarray(length)).buffer)];
    const answers = values.map((value) => value / 2 + 2);
    const output = { name: 'y', shape: [values.length, 1], datatype: 'FP32' };
    if (header === undefined) {
      return json(response, {
        model_name: 'half',
        model_version: this.version,
        outputs: [{ ...output, data: answers }],
      });
    }
    const blob = Buffer.from(Float32Array.from(answers).buffer);
    const outputs = [{ ...output, parameters: { binary_data_size: blob.length } }];
    const head = Buffer.from(JSON.stringify({ model_name: 'half', model_version: this.version, outputs }));
    response.writeHead(200, { 'inference-header-content-length': String(head.length) });
    response.end(Buffer.concat([head, blob]));
  }
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
