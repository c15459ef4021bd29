import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contenders.js';
import { placed, type Machine } from './machine.js';
import { TOLERANCE, type ModelId, type Workload } from './workload.js';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;

/** A contender that runs and has given a right answer. */
export interface RunningServer {
  readonly contender: Contender;
  readonly port: number;
  readonly pid: number;
  readonly headers: readonly string[];
  /** From starting the process to its first right answer. */
  readonly startSeconds: number;
  /** @throws Error with the end of the server's own output when its process has ended. */
  checkAlive(): void;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** @throws Error with the end of the server's own output when it does not answer rightly in time. */
export async function startServer(
  contender: Contender,
  models: readonly ModelId[],
  machine: Machine,
  probe: Workload,
): Promise<RunningServer> {
  const port = await freePort();
  const folder = path.join(machine.scratch, `${contender.name}-${port}`);
  mkdirSync(folder);
  const launch = contender.launch(port, models, folder);
  const logs = ['stdout', 'stderr'].map((name) => openSync(path.join(folder, name), 'w'));
  const began = performance.now();
  const [program, ...rest] = placed(machine.serverCore, launch.command) as [string, ...string[]];
  const child = spawn(program, rest, {
    cwd: folder,
    env: { ...process.env, ...launch.environment },
    stdio: ['ignore', logs[0], logs[1]],
  });
  logs.forEach((file) => closeSync(file));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const server = {
    contender,
    port,
    pid: child.pid ?? 0,
    headers: launch.headers,
    startSeconds: 0,
    checkAlive: () => checkAlive(contender, child, folder),
    stop: async () => {
      await stop(child, exited);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await firstRightAnswer(server, probe, { child, began, folder });
  return { ...server, startSeconds: (performance.now() - began) / 1000 };
}

interface Starting {
  readonly child: ChildProcess;
  readonly began: number;
  readonly folder: string;
}

async function firstRightAnswer(server: RunningServer, probe: Workload, starting: Starting): Promise<void> {
  for (let problem: string | undefined = ''; problem !== undefined;) {
    if (starting.child.exitCode !== null || performance.now() - starting.began > START_LIMIT_MS) {
      const output = readFileSync(path.join(starting.folder, 'stderr'), 'utf8').slice(-2000);
      await server.stop();
      throw new Error(`${server.contender.name} does not answer: ${problem}\n${output}`);
    }
    problem = await problemOf(server, probe, 0).catch((error: Error) => error.message);
    if (problem !== undefined) await sleep(5);
  }
}

/** @throws Error that lists the rows whose answers are wrong. */
export async function checkAllRows(server: RunningServer, workload: Workload): Promise<void> {
  const problems: string[] = [];
  for (const index of workload.bodies.keys()) {
    const problem = await problemOf(server, workload, index);
    if (problem !== undefined) problems.push(`row ${index}: ${problem}`);
  }
  if (problems.length > 0) throw new Error(`${server.contender.name} answers wrongly\n${problems.join('\n')}`);
}

async function problemOf(server: RunningServer, workload: Workload, index: number): Promise<string | undefined> {
  const sent = workload.bodies[index] ?? '';
  const { status, body } = await post(server, workload.path, sent);
  if (status !== 200) return `status ${status}: ${body.slice(0, 200)}`;
  if (!server.contender.predicts) return body === sent ? undefined : `echoed ${body.slice(0, 200)}`;
  const got = [...body.matchAll(/"probability":\s*([-+.\deE]+)/g)].map(([, number]) => Number(number));
  const want = workload.expected[index] ?? [];
  const right = want.every(
    (value, at) => Math.abs((got[at] ?? NaN) - value) <= TOLERANCE * Math.max(1, Math.abs(value)),
  );
  return right && got.length === want.length
    ? undefined
    : `got ${got.slice(0, 4).join()}, want ${want.slice(0, 4).join()}`;
}

export function post(server: RunningServer, target: string, body: string): Promise<Answer> {
  const headers = Object.fromEntries(server.headers.map((header) => header.split(': ') as [string, string]));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        port: server.port,
        host: '127.0.0.1',
        path: target,
        method: 'POST',
        agent: false,
        timeout: 5000,
        headers: { 'Content-Type': 'application/json', ...headers },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        incoming.on('error', reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 5 s')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(timer);
}

function checkAlive({ name }: Contender, child: ChildProcess, folder: string): void {
  if (child.exitCode === null && child.signalCode === null) return;
  const output = readFileSync(path.join(folder, 'stderr'), 'utf8').slice(-2000);
  throw new Error(`${name} ended by itself: exit code ${child.exitCode}, signal ${child.signalCode}\n${output}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
