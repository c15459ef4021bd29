import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { MessageChannel } from '../../access/rate-limit/window-messages.js';
import type { Config } from '../../config/schema.js';
import type { MetricSnapshot } from '../../observability/exposition.js';
import type { Service, StartFacts } from '../operations.js';
import type { ToPrimary, ToWorker } from './messages.js';
import { Scrapes } from './scrapes.js';

export interface PrimaryObserver {
  workerStarted(number: number, pid: number | undefined): void;
  /** A worker ended by itself; another takes its place after `replaceInMs`. */
  workerDied(number: number, reason: string, replaceInMs: number): void;
}

/** Holds the rate windows for all workers. */
export interface RateWindows {
  /** Serves one worker. */
  attach(channel: MessageChannel): void;
}

export interface PrimaryParts {
  readonly config: Config;
  readonly windows: RateWindows;
  readonly observer: PrimaryObserver;
  /** The primary's own metrics. */
  readonly metrics: () => Promise<readonly MetricSnapshot[]>;
  /** Writes what is left of the log. */
  readonly flush: () => void;
  /** Something was thrown in the primary that nobody caught. */
  readonly crashed: Promise<void>;
}

interface Seat {
  readonly number: number;
  worker: Worker | undefined;
  /** Deaths in a row without a minute's life. */
  deaths: number;
}

/** A worker that lived this long has not died of its start. */
const healthyMs = 60_000;
const largestDelayMs = 30_000;

/** Runs `workers` processes that share the port, and puts a new one in the place of one that dies. */
export class Primary implements Service {
  readonly #parts: PrimaryParts;
  readonly #seats: Seat[];
  readonly #scrapes = new Scrapes();
  #stopping = false;
  readonly crashed: Promise<void>;

  constructor(parts: PrimaryParts) {
    this.#parts = parts;
    this.crashed = parts.crashed;
    const count = parts.config.inference_service.workers;
    this.#seats = Array.from({ length: count }, (_, i) => ({ number: i + 1, worker: undefined, deaths: 0 }));
  }

  /** Resolves once every worker listens. @throws Error with the words of the first that could not start; the others are ended. */
  async start(): Promise<StartFacts> {
    const name = fileURLToPath(import.meta.url).replace(/primary(\.[jt]s)$/, 'worker-main$1');
    cluster.setupPrimary({ exec: name, args: [] });
    try {
      const [first] = await Promise.all(this.#seats.map((seat) => this.#occupy(seat)));
      if (first === undefined) throw new Error('There is no worker');
      return first;
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  /** Every worker drains and ends by itself; one that does not within the grace is killed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { drain_delay_seconds, shutdown_grace_seconds } = this.#parts.config.inference_service.http;
    const limitMs = (drain_delay_seconds + shutdown_grace_seconds) * 1000 + 2000;
    await Promise.all(this.#seats.map((seat) => stopWorker(seat.worker, limitMs)));
    this.#parts.flush();
  }

  /** Nothing serves yet: no worker has to drain. */
  async #end(): Promise<void> {
    this.#stopping = true;
    for (const { worker } of this.#seats) worker?.process.kill('SIGKILL');
    await Promise.all(this.#seats.map((seat) => stopWorker(seat.worker, 0)));
    this.#parts.flush();
  }

  #occupy(seat: Seat): Promise<StartFacts> {
    const worker = cluster.fork();
    const startedAt = performance.now();
    seat.worker = worker;
    return new Promise((resolve, reject) => {
      const windows = windowsOf(worker);
      this.#parts.windows.attach(windows.channel);
      worker.on('message', (message: ToPrimary) => {
        if (message.kind === 'hello') {
          send(worker, { kind: 'configure', config: this.#parts.config, number: seat.number });
        } else if (message.kind === 'listening') {
          this.#parts.observer.workerStarted(seat.number, worker.process.pid);
          resolve(message);
        } else if (message.kind === 'failed') reject(new Error(message.message));
        else if (message.kind === 'rate') windows.receive(message.message);
        else this.#receive(worker, message);
      });
      worker.once('exit', (code, signal) => {
        reject(new Error(`Worker ${seat.number} ended with ${signal ?? code} before it listened`));
        this.#replace(seat, signal ?? `exit code ${code}`, performance.now() - startedAt);
      });
    });
  }

  #receive(worker: Worker, message: Extract<ToPrimary, { kind: 'snapshot' | 'scrape' }>): void {
    if (message.kind === 'snapshot') this.#scrapes.answer(message.id, message.metrics);
    else void this.#scrape(worker, message.id);
  }

  async #scrape(worker: Worker, scrapeId: number): Promise<void> {
    const connected = this.#seats.flatMap((seat) => (seat.worker?.isConnected() === true ? [seat.worker] : []));
    const asks = connected.map((each) => (id: number) => send(each, { kind: 'collect', id }));
    const processes = await this.#scrapes.collect(await this.#parts.metrics(), asks);
    send(worker, { kind: 'scraped', id: scrapeId, processes });
  }

  #replace(seat: Seat, reason: string, livedMs: number): void {
    seat.worker = undefined;
    if (this.#stopping) return;
    seat.deaths = livedMs >= healthyMs ? 1 : seat.deaths + 1;
    const delayMs = Math.min(largestDelayMs, 100 * 2 ** (seat.deaths - 1));
    this.#parts.observer.workerDied(seat.number, reason, delayMs);
    setTimeout(() => {
      // A replacement that fails in its turn is reported by its own exit.
      if (!this.#stopping) this.#occupy(seat).catch(() => undefined);
    }, delayMs);
  }
}

/** The worker's side of the rate windows' channel. */
function windowsOf(worker: Worker): { channel: MessageChannel; receive: (message: unknown) => void } {
  const listeners = new Set<(message: unknown) => void>();
  const channel: MessageChannel = {
    send: (message) => send(worker, { kind: 'rate', message }),
    onMessage: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  return { channel, receive: (message) => listeners.forEach((listener) => listener(message)) };
}

function send(worker: Worker, message: ToWorker): void {
  // A worker that dies while it is sent to is told of by its exit.
  if (worker.isConnected()) worker.send(message, () => undefined);
}

function stopWorker(worker: Worker | undefined, limitMs: number): Promise<void> {
  if (worker === undefined || worker.isDead()) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => worker.process.kill('SIGKILL'), limitMs);
    worker.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    send(worker, { kind: 'stop' });
  });
}
