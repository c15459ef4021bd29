import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shellBlocks } from './shell-blocks.js';

const run = promisify(execFile);
const blocks = shellBlocks(readFileSync('README.md', 'utf8'));

let copy: string;
let port: number;
let server: ChildProcess;

/** The README's own words, but for the port, and for the install, whose result is linked. */
const adapted = (commands: string) =>
  commands.replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`).replace('npm ci && ', '');

beforeAll(async () => {
  copy = mkdtempSync(path.join(tmpdir(), 'readme-'));
  port = await freePort();
  const { stdout } = await run('git', ['ls-files', '--cached', '--others', '--exclude-standard']);
  for (const file of stdout.split('\n').filter((name) => name !== '' && !name.startsWith('examples/models/iris/'))) {
    mkdirSync(path.dirname(path.join(copy, file)), { recursive: true });
    copyFileSync(file, path.join(copy, file));
  }
  symlinkSync(path.resolve('node_modules'), path.join(copy, 'node_modules'));
  copyFileSync('test/fixtures/models/zipmap-strings.onnx', path.join(copy, 'model.onnx'));
  await startServer();
}, 120_000);

afterAll(async () => {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  // npm passes the signal on to nobody reliably: the whole group gets it.
  if (server.pid !== undefined) process.kill(-server.pid, 'SIGTERM');
  await ended;
  rmSync(copy, { recursive: true, force: true });
});

async function startServer(): Promise<void> {
  const [first] = blocks.filter((block) => block.mode === 'server');
  expect(first?.commands).toBe('npm ci && npm start');
  const env = { ...process.env, INFERENCE_SERVICE__PORT: String(port) };
  server = spawn('bash', ['-c', adapted(first?.commands ?? '')], { cwd: copy, env, detached: true });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes('Try it:')) resolve();
    };
    server.stdout?.on('data', read);
    server.stderr?.on('data', read);
    server.once('exit', () => reject(new Error(`The service ended:\n${output}`)));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port: free } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return free;
}

/** What differs from run to run, and numbers to six decimals. */
function steady(text: string): unknown {
  const varying = new Set(['request_id', 'timestamp', 'latency_ms', 'cached']);
  return JSON.parse(text, (key, value: unknown) => {
    if (varying.has(key)) return undefined;
    return typeof value === 'number' ? Number(value.toFixed(6)) : value;
  });
}

describe('demand 39: README, followed word for word', () => {
  it('marks every block of commands', () => {
    expect(blocks.length).toBeGreaterThan(5);
    expect(blocks.filter(({ mode }) => mode === 'unmarked')).toEqual([]);
  });

  it.each(blocks.filter(({ mode }) => mode === 'run').map((block) => [block.commands.slice(0, 90), block] as const))(
    '%s',
    async (_title, { commands, shown }) => {
      const script = `set -euo pipefail\n${adapted(commands)}`;
      const { stdout } = await run('bash', ['-c', script], { cwd: copy });
      expect(stdout.trim()).not.toBe('');
      // The last line is the answer: commands before it say what they did.
      if (shown !== undefined) expect(steady(stdout.trim().split('\n').at(-1) ?? '')).toEqual(steady(shown));
    },
  );
});
