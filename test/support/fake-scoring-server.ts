import type { IncomingMessage, ServerResponse } from 'node:http';
import { LoopbackServer } from './loopback-server.js';

type Column = (number | string | boolean | null)[];

/** A scoring server of MLflow for y = x / 2 + 2, over tensors named x and y or a DataFrame; the test may answer in its place. */
export class FakeScoringServer {
  readonly bodies: string[] = [];
  ready = true;
  invoke: ((response: ServerResponse, x: Column) => void) | undefined;
  #server: LoopbackServer | undefined;

  static async start(): Promise<FakeScoringServer> {
    const fake = new FakeScoringServer();
    fake.#server = await LoopbackServer.start((request, response, body) => fake.#answer(request, response, body));
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #answer(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
    if (request.url === '/ping') return void response.writeHead(this.ready ? 200 : 404).end('\n');
    const body = bytes.toString();
    this.bodies.push(body);
    const x = columnOf(JSON.parse(body) as Body);
    if (this.invoke !== undefined) return this.invoke(response, x);
    predictions(response, { y: x.map((value) => [Number(value) / 2 + 2]) });
  }
}

interface Body {
  readonly inputs?: { readonly x: Column[] } | Column[];
  readonly dataframe_split?: { readonly data: Column[] };
}

function columnOf({ inputs, dataframe_split: frame }: Body): Column {
  const rows = frame?.data ?? (Array.isArray(inputs) ? inputs : inputs?.x) ?? [];
  return rows.map((row) => (Array.isArray(row) ? (row[0] ?? null) : row));
}

export function predictions(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ predictions: value }));
}
