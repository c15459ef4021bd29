import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { openLoopProbe } from './loop-probe.js';

const cpuMsOfProcess = (): number => process.cpuUsage().user / 1000;

it('tells how long the loop has rested and worked, and when a turn ends', async () => {
  const loop = openLoopProbe();
  const [idle, cpu] = [loop.idleMs(), loop.cpuMs()];
  await new Promise<void>((resolve) => loop.endOfTurn(resolve));
  expect(loop.idleMs()).toBeGreaterThanOrEqual(idle);
  expect(loop.cpuMs()).toBeGreaterThan(0);
  expect(loop.cpuMs()).toBeGreaterThanOrEqual(cpu);
});

// Linux tells the time of a thread, other systems only that of the process. Vitest runs this file in a process of its own.
it.runIf(process.platform === 'linux')('does not take what another thread computes for work of the loop', async () => {
  const loop = openLoopProbe();
  const spin = 'const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end);';
  const [process0, loop0] = [cpuMsOfProcess(), loop.cpuMs()];
  await once(new Worker(spin, { eval: true }), 'exit');
  expect(cpuMsOfProcess() - process0).toBeGreaterThan(250);
  expect(loop.cpuMs() - loop0).toBeLessThan(150);
});

it.each([
  ['there is no account of threads', undefined],
  ['the account of threads is switched off', '0 0 0\n'],
])('tells the time of the process where %s', (_, account) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'loop-probe-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const schedstat = path.join(folder, 'schedstat');
  if (account !== undefined) writeFileSync(schedstat, account);
  const before = cpuMsOfProcess();
  expect(openLoopProbe(schedstat).cpuMs()).toBeGreaterThanOrEqual(before);
});
