import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Column = (number | string | boolean | null)[];

/** A scoring server of MLflow for y = x / 2 + 2, over tensors named x and y or a DataFrame; the test may answer in its place. */
export class FakeScoringServer {
  readonly bodies: string[] = [];
  ready = true;
  invoke: ((response: ServerResponse, x: Column) => void) | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeScoringServer> {
    const server = createServer();
    const fake = new FakeScoringServer(server);
    server.on('request', (request, response) => void fake.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url === '/ping') return void response.writeHead(this.ready ? 200 : 404).end('\n');
    const body = Buffer.concat(chunks).toString();
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
