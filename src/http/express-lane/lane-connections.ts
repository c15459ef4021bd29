import type { HttpOptions } from '../options.js';
import type { LaneConnection, Waiting } from './lane-connection.js';

/** How often `sweep` must be called. */
export const sweepMs = 100;
/** A request that is not whole by then is the ordinary server's, with its limits. */
const patienceMs = 200;
/** Node closes an idle connection so much later than it says. */
const keepAliveSlackMs = 1000;
/** The first request of a connection that has just been made may be under way when the drain begins. */
const firstRequestMs = 1000;

type Limits = Pick<HttpOptions, 'headers_timeout_ms' | 'request_timeout_ms' | 'keep_alive_timeout_ms'>;

/** All connections of the lane, and how long each may wait. Time is counted in sweeps. */
export class LaneConnections extends Set<LaneConnection> {
  /** Sweeps so far. */
  sweeps = 0;
  readonly #limits: Readonly<Record<Waiting, number>>;
  readonly #refuse: (connection: LaneConnection) => void;

  /** `refuse` ends a connection on which nothing ever came, with a reply. */
  constructor(limits: Limits, refuse: (connection: LaneConnection) => void) {
    super();
    this.#refuse = refuse;
    const idle = (limits.keep_alive_timeout_ms + keepAliveSlackMs) / sweepMs;
    this.#limits = {
      fresh: Math.min(limits.headers_timeout_ms, limits.request_timeout_ms) / sweepMs,
      partial: patienceMs / sweepMs,
      reply: Infinity,
      reader: idle,
      idle,
      end: idle,
    };
  }

  sweep(): void {
    this.sweeps++;
    for (const connection of this) {
      const { waiting } = connection;
      if (this.#waited(connection) <= this.#limits[waiting]) continue;
      if (waiting === 'partial') connection.handOver();
      else if (waiting === 'fresh') this.#refuse(connection);
      else connection.socket.destroy();
    }
  }

  /** Ends those that nobody will miss while the service drains. */
  endIdle(): void {
    for (const connection of this) {
      const { waiting, socket } = connection;
      const silent = waiting === 'fresh' && this.#waited(connection) > firstRequestMs / sweepMs;
      if (silent || (waiting === 'idle' && socket.writableLength === 0)) socket.destroy();
    }
  }

  destroyAll(): void {
    for (const { socket } of this) socket.destroy();
  }

  #waited({ since }: LaneConnection): number {
    return this.sweeps - since;
  }
}
