import type { Socket } from 'node:net';
import type { Peer } from '../exchange.js';
import { readRequest, type CanonicalRequest } from './canonical-request.js';

/** What a connection waits for: its first byte, the rest of a request, its own reply, its reader, or the next request. */
export type Waiting = 'fresh' | 'partial' | 'reply' | 'reader' | 'idle';

/** What the lane does for its connections. */
export interface LaneEnd {
  readonly maxBody: number;
  /** Sweeps so far: the clock of all waits, which costs nothing to read. */
  readonly sweeps: number;
  /** Answers by one call of `connection.reply`. */
  answer(connection: LaneConnection, request: CanonicalRequest): void;
  /** The connection goes to the ordinary server, with `bytes` that it has not answered. */
  handOver(connection: LaneConnection, bytes: Buffer): void;
  /** The client has ended the connection in the middle of a request. */
  brokenOff(connection: LaneConnection): void;
  closed(connection: LaneConnection): void;
}

/** A connection for as long as all that came on it was canonical. One request at a time is answered; what comes meanwhile is not read. */
export class LaneConnection implements Peer {
  readonly socket: Socket;
  readonly ip: string;
  waiting: Waiting = 'fresh';
  /** The sweep at which the wait began. */
  since: number;
  readonly #lane: LaneEnd;
  #unread: Buffer | undefined;
  #ended = false;

  constructor(socket: Socket, lane: LaneEnd) {
    this.socket = socket;
    this.ip = socket.remoteAddress ?? '';
    this.#lane = lane;
    this.since = lane.sweeps;
    socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
  }

  get gone(): boolean {
    return this.socket.destroyed;
  }

  onGone(action: () => void): void {
    this.socket.once('close', () => this.waiting === 'reply' && action());
  }

  /** Sends the reply that is waited for; `last`: and ends the connection. */
  reply(text: string, last: boolean): void {
    if (this.gone) return;
    if (last || this.#ended) {
      this.#wait('idle');
      this.socket.end(text);
    } else if (this.socket.write(text)) this.#goOn();
    else this.#wait('reader');
  }

  /** The lane lets go of it, and of what it has not answered. */
  release(): Buffer {
    const { socket } = this;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose);
    socket.off('drain', this.#onDrain);
    return this.#unread ?? Buffer.alloc(0);
  }

  handOver(): void {
    this.#lane.handOver(this, this.release());
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#unread = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk]);
    if (this.waiting === 'reply' || this.waiting === 'reader') this.socket.pause();
    else this.#advance();
  };

  readonly #onDrain = (): void => {
    if (this.waiting === 'reader') this.#goOn();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    if (this.waiting === 'partial') this.#lane.brokenOff(this);
    else if (this.waiting !== 'reply') this.socket.end();
  };

  readonly #onError = (): void => {
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#lane.closed(this);
  };

  #goOn(): void {
    this.#wait('idle');
    if (this.#unread !== undefined) this.#advance();
    if (this.socket.isPaused()) this.socket.resume();
  }

  #advance(): void {
    const bytes = this.#unread as Buffer;
    const reading = readRequest(bytes, this.#lane.maxBody);
    if (reading === 'other') return this.handOver();
    if (reading === 'partial') {
      // The wait is for the whole request, however many pieces it comes in.
      if (this.waiting !== 'partial') this.#wait('partial');
      return;
    }
    this.#unread = bytes.length > reading.length ? bytes.subarray(reading.length) : undefined;
    this.#wait('reply');
    this.#lane.answer(this, reading);
  }

  #wait(forWhat: Waiting): void {
    this.waiting = forWhat;
    this.since = this.#lane.sweeps;
  }
}
