import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { laneEnvironment } from './express-lane.js';

const command = path.resolve('bin/inference');

export interface ServiceOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Data folder; a fresh one, removed with the service, when left out. */
  readonly data?: string;
}

/** A running service of its own: real process, free port, own data folder. */
export interface Service {
  readonly url: string;
  readonly data: string;
  readonly process: ChildProcess;
  /** All that it has written so far, log lines and messages. */
  output(): string;
  /** Sends the signal and waits for the end. Returns the exit code, null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `inference-${name}-`));
  return folder;
}

/** Starts `bin/inference serve` and waits until it answers; it is stopped when the test ends. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const service = await launchService(options);
  onTestFinished(async () => {
    await service.stop('SIGKILL');
    if (options.data === undefined) rmSync(service.data, { recursive: true, force: true });
  });
  return service;
}

/** As startService, for hooks that run outside a test: the caller stops it. */
export async function launchService(options: ServiceOptions = {}): Promise<Service> {
  const data = options.data ?? temporaryFolder('data');
  const args = ['serve', '--port', '0', '--data', data, ...(options.args ?? [])];
  const child = spawn(process.execPath, [command, ...args], {
    env: { ...withoutOwnSettings(), ...laneEnvironment, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const found = /^Listening on (\S+)$/m.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => reject(new Error(`The service ended with ${code}:\n${output}`)));
    setTimeout(() => reject(new Error(`The service did not listen:\n${output}`)), 90_000).unref();
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  return { url, data, process: child, output: () => output, stop };
}

/** The environment without settings that would leak into the service under test. */
function withoutOwnSettings(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(INFERENCE_|ENVIRONMENT$|REDIS_|KAFKA_|MLFLOW_|DATABASE_URL$)/.test(name),
  );
  return Object.fromEntries(kept);
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** POSTs JSON and reads the JSON answer. */
export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { headers });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text },
  };
}

/** Asks until `holds` is true, or fails after `limitMs`. */
export async function eventually(holds: () => Promise<boolean> | boolean, limitMs = 10_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`Not true within ${limitMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
