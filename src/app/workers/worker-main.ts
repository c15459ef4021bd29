import type { MetricSnapshot } from '../../observability/exposition.js';
import { crashObserver } from '../../observability/crash-observer.js';
import { messageOf } from '../../shared/errors.js';
import { firstCrash } from '../first-crash.js';
import { ProcessApp } from '../process-app.js';
import { createTelemetry } from '../telemetry.js';
import type { ToPrimary, ToWorker } from './messages.js';

const ignore = (): void => undefined;

/** A worker process: it does what the primary says, and ends when the primary is gone. */
class WorkerProcess {
  #app: ProcessApp | undefined;
  #receiveRate: (message: unknown) => void = ignore;
  readonly #scrapes = new Map<number, (processes: readonly (readonly MetricSnapshot[])[]) => void>();
  #nextScrape = 1;
  #snapshot: () => Promise<readonly MetricSnapshot[]> = () => Promise.resolve([]);
  #stopping = false;

  receive(message: ToWorker): void {
    if (message.kind === 'configure') void this.#start(message);
    else if (message.kind === 'rate') this.#receiveRate(message.message);
    else if (message.kind === 'collect') void this.#answerCollect(message.id);
    else if (message.kind === 'scraped') this.#finishScrape(message.id, message.processes);
    else void this.stop();
  }

  /** The others take what comes meanwhile: a worker that ends alone need not wait for a load balancer to notice. */
  async stop(exitCode = 0, drainDelay = true): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#app?.stop(drainDelay);
    process.exit(exitCode);
  }

  async #start({ config, number }: Extract<ToWorker, { kind: 'configure' }>): Promise<void> {
    const telemetry = createTelemetry(config);
    this.#snapshot = telemetry.snapshot;
    const crashed = firstCrash(crashObserver(telemetry.metrics.instruments, telemetry.logger));
    void crashed.then(() => this.stop(1, false));
    const windows = {
      send: (message: unknown) => tell({ kind: 'rate', message }),
      onMessage: (receive: (message: unknown) => void) => {
        this.#receiveRate = receive;
        return () => void (this.#receiveRate = ignore);
      },
    };
    const role = { worker: `w${number}`, windows, collect: () => this.#collectAll() };
    this.#app = new ProcessApp(config, role, telemetry);
    try {
      tell({ kind: 'listening', ...(await this.#app.start()) });
    } catch (error) {
      tell({ kind: 'failed', message: messageOf(error) });
      process.exitCode = 1;
      process.disconnect();
    }
  }

  #collectAll(): Promise<readonly (readonly MetricSnapshot[])[]> {
    const id = this.#nextScrape++;
    return new Promise((resolve) => {
      this.#scrapes.set(id, resolve);
      tell({ kind: 'scrape', id });
    });
  }

  async #answerCollect(id: number): Promise<void> {
    tell({ kind: 'snapshot', id, metrics: await this.#snapshot() });
  }

  #finishScrape(id: number, processes: readonly (readonly MetricSnapshot[])[]): void {
    this.#scrapes.get(id)?.(processes);
    this.#scrapes.delete(id);
  }
}

function tell(message: ToPrimary): void {
  // A primary that is gone hears nothing; `disconnect` ends this process.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

const worker = new WorkerProcess();
process.on('message', (message: ToWorker) => worker.receive(message));
// A terminal sends its signals to the whole group: the primary decides what they mean.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.once('disconnect', () => void worker.stop());
tell({ kind: 'hello' });
