import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type ServerName =
  'kafka' | 'redis' | 'postgres' | 'mlflow' | 'mlflow-scoring' | 'mlserver' | 'prometheus' | 'toxiproxy' | 'otlp';

/** A real server of a test's own, on loopback. */
export interface TestServer {
  readonly port: number;
  /** Its folder: data, log, certificates. */
  readonly directory: string;
  /** Ends it as its operator would; `start` brings it back with its data. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Sends a signal to it: SIGKILL, SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

/** Starts one of test/services/, installing it first where it is missing (minutes, once a machine). */
export async function startServer(name: ServerName, env: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const script = path.resolve('test/services', name);
  const directory = mkdtempSync(path.join(tmpdir(), `${name}-`));
  // PostgreSQL runs as a user of its own, who must be able to pass.
  chmodSync(directory, 0o755);
  const port = await freePorts(5);
  const call = (...args: string[]) =>
    run(script, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 24, timeout: 900_000 });
  const start = async () => void (await call('start', directory, String(port)));
  const stop = async () => void (await call('stop', directory));
  await start();
  return {
    port,
    directory,
    start,
    stop,
    async signal(signal) {
      const { stdout } = await run('cut', ['-d ', '-f1', path.join(directory, 'pid')]);
      process.kill(Number(stdout), signal);
    },
    async remove() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The first of `count` ports in a row that are free: some servers take the next ones too. */
async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
  throw new Error('No free ports');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
