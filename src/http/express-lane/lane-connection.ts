import type { Socket } from 'node:net';
import type { Peer } from '../exchange.js';
import type { ReplyText } from './reply-text.js';
import type { CanonicalRequest, RequestReader } from './canonical-request.js';

/**
 * What a connection waits for: its first byte, the rest of a request, its own reply, its reader, the next request, or its end behind
 * the last reply.
 */
export type Waiting = 'fresh' | 'partial' | 'reply' | 'reader' | 'idle' | 'end';

/** What the lane does for its connections. */
export interface LaneEnd {
  readonly reader: RequestReader;
  /** Sweeps so far: the clock of all waits, which costs nothing to read. */
  readonly connections: { readonly sweeps: number };
  /** Answers by one call of `connection.reply`. */
  answer(connection: LaneConnection, request: CanonicalRequest): void;
  /** The connection goes to the ordinary server, with `bytes` that were not answered. */
  handOver(connection: LaneConnection, bytes: Buffer): void;
  failed(connection: LaneConnection, error: Error): void;
  closed(connection: LaneConnection): void;
}

const noBytes = Buffer.alloc(0);

/** A connection for as long as all that came on it was canonical. One request at a time is answered; what comes meanwhile is not read. */
export class LaneConnection implements Peer {
  readonly socket: Socket;
  waiting: Waiting = 'fresh';
  /** The sweep at which the wait began. */
  since: number;
  readonly #lane: LaneEnd;
  #unread: Buffer = noBytes;
  /** Bytes without which `#unread` need not be looked at. */
  #needed = 0;
  /** Requests that came in one piece with an earlier one. */
  #pipeline: CanonicalRequest[] = [];
  #answering = false;
  #whenGone: (() => void) | undefined;

  constructor(socket: Socket, lane: LaneEnd) {
    this.socket = socket;
    this.#lane = lane;
    this.since = lane.connections.sweeps;
    socket.on('data', this.#onData).on('end', this.#onEnd).on('drain', this.#onDrain);
    socket.on('error', this.#onError).on('close', this.#onClose);
  }

  /** As with Node's server, a client that ends its side has left. */
  get gone(): boolean {
    return !this.socket.writable;
  }

  /** For the request that is being answered, once. */
  onGone(action: () => void): void {
    this.#whenGone = action;
  }

  /** Sends the reply that is waited for; `last`: and ends the connection. */
  reply({ text, encoding }: ReplyText, last: boolean): void {
    this.#whenGone = undefined;
    if (this.gone) return;
    const taken = this.socket.write(text, encoding);
    if (last) {
      this.giveUp();
      this.socket.destroySoon();
    } else if (taken) this.#goOn();
    else this.#wait('reader');
  }

  /** The lane lets go of it, and of what it has not answered. */
  handOver(): void {
    const { socket } = this;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain);
    socket.off('error', this.#onError).off('close', this.#onClose);
    this.#lane.handOver(this, this.#unread);
  }

  /** Nothing that may still come is looked at. */
  giveUp(): void {
    this.#wait('end');
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    if (this.waiting === 'reply' || this.waiting === 'reader' || this.waiting === 'end') this.socket.pause();
    else if (this.#unread.length >= this.#needed) this.#read();
  };

  readonly #onEnd = (): void => {
    // Ended in the middle of a request: what is answered to that is the ordinary server's business, once all before it is answered.
    if (this.waiting === 'partial') this.handOver();
    else if (this.#unread.length === 0) this.socket.end();
  };

  readonly #onDrain = (): void => {
    if (this.waiting === 'reader') this.#goOn();
  };

  readonly #onError = (error: Error): void => {
    this.#lane.failed(this, error);
  };

  readonly #onClose = (): void => {
    this.#lane.closed(this);
    this.#whenGone?.();
  };

  #goOn(): void {
    this.#wait('idle');
    if (this.#pipeline.length > 0) return this.#answerNext();
    if (this.socket.isPaused()) this.socket.resume();
    if (this.#unread.length > 0) this.#read();
    else if (this.socket.readableEnded) this.socket.end();
  }

  /**
   * All that has come is read before any of it is answered, as Node's parser does: where something behind a good request is not canonical,
   * or not whole, the ordinary server gets both.
   */
  #read(): void {
    const requests: CanonicalRequest[] = [];
    for (let rest = this.#unread; rest.length > 0;) {
      const reading = this.#lane.reader.read(rest);
      if (typeof reading === 'number' && requests.length === 0 && !this.socket.readableEnded)
        return this.#waitFor(reading);
      if (typeof reading !== 'object') return this.handOver();
      requests.push(reading);
      rest = rest.subarray(reading.length);
    }
    this.#unread = noBytes;
    this.#needed = 0;
    this.#pipeline = requests;
    this.#wait('idle');
    this.#answerNext();
  }

  /** For so many bytes. The wait is for the whole request, however many pieces it comes in. */
  #waitFor(bytes: number): void {
    this.#needed = bytes;
    if (this.waiting !== 'partial') this.#wait('partial');
  }

  /** What is refused is answered at once: one behind the other, not one inside the other, as one piece may hold hundreds. */
  #answerNext(): void {
    if (this.#answering) return;
    this.#answering = true;
    while (this.waiting === 'idle' && this.#pipeline.length > 0) {
      this.#wait('reply');
      this.#lane.answer(this, this.#pipeline.shift() as CanonicalRequest);
    }
    this.#answering = false;
  }

  #wait(forWhat: Waiting): void {
    this.waiting = forWhat;
    this.since = this.#lane.connections.sweeps;
  }
}
