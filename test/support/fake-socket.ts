import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/** What a socket is to the express lane, without a network: the test is the client. */
export class FakeSocket extends Duplex {
  /** All that was written to it. */
  text = '';
  /** The client does not read: what is written stays here. */
  reading = true;
  readonly remoteAddress = '127.0.0.1';
  #held: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true, writableHighWaterMark: 100 });
  }

  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  /** The client sends these bytes, or ends its side. */
  async sends(bytes: string | Buffer | null): Promise<void> {
    this.push(bytes === null ? null : Buffer.from(bytes as string));
    await turns();
  }

  /** The client reads what it has left lying. */
  async reads(): Promise<void> {
    this.reading = true;
    this.#held?.();
    this.#held = undefined;
    await turns();
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.end(() => this.destroy());
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    if (this.reading) done();
    else this.#held = done;
  }
}

/** What streams put off is done. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
