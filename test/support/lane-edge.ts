import { connect, type Socket } from 'node:net';
import { vi } from 'vitest';
import type { HttpServer } from '../../src/http/index.js';
import { createEdge, FakePrediction, RecordingHttpObserver, type EdgeOverrides } from './edge.js';
import { eventually } from './service.js';

export const body = '{"model_id":"m"}';
export const head = (more = '') =>
  `POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n`;
export const request = (more = '') => head(more) + body;
export const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

/** A client that keeps what it gets. */
export interface LaneClient {
  readonly socket: Socket;
  readonly text: () => string;
  readonly closed: () => boolean;
}

/** The HTTP edge with the express lane, whose clock goes on when the test says so. */
export class LaneEdge {
  readonly observer = new RecordingHttpObserver();
  readonly prediction = new FakePrediction();
  server!: HttpServer;
  port = 0;
  /** Connections that the ordinary server has got. */
  handedOver = 0;
  readonly #sockets: Socket[] = [];

  async start({ options, ...parts }: EdgeOverrides = {}): Promise<void> {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { observer, prediction } = this;
    this.server = await createEdge({ options: { express_lane: true, ...options }, observer, prediction, ...parts });
    this.server.app.server.on('connection', () => this.handedOver++);
    this.port = Number(new URL(await this.server.listen({ host: '127.0.0.1', port: 0 })).port);
  }

  async stop(): Promise<void> {
    vi.useRealTimers();
    this.#sockets.forEach((socket) => socket.destroy());
    await this.server.close(0);
  }

  /** The lane's own clock goes on by so much; nothing else does. */
  wait(milliseconds: number): void {
    vi.advanceTimersByTime(milliseconds);
  }

  async client(): Promise<LaneClient> {
    let text = '';
    let closed = false;
    const socket = connect(this.port, '127.0.0.1');
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined).on('close', () => (closed = true));
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return { socket, text: () => text, closed: () => closed };
  }

  /** One request on a connection of its own, and its reply. What was sent before has then been read, too. */
  async sendOne(more: string): Promise<void> {
    const { socket, text } = await this.client();
    socket.write(request(more));
    await eventually(() => text() !== '');
    socket.destroy();
  }
}
