import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { benchFolder } from './workload.js';

/** Where things run. */
export interface Machine {
  readonly serverCore: number;
  readonly loadCore: number;
  /** Temporary folder of this run. */
  readonly scratch: string;
  close(): void;
}

/** Compiles the generator. @throws Error when there are fewer than two cores or no C compiler. */
export function openMachine(): Machine {
  if (availableParallelism() < 2) throw new Error('two cores are needed: one for the server, one for the load');
  execFileSync(path.join(benchFolder, 'build.sh'), { stdio: 'inherit' });
  const scratch = mkdtempSync(path.join(tmpdir(), 'inference-bench-'));
  return { serverCore: 0, loadCore: 1, scratch, close: () => rmSync(scratch, { recursive: true, force: true }) };
}

/** The command line that runs `command` on one core. taskset replaces itself, so the process id is the command's. */
export function placed(core: number, command: readonly string[]): string[] {
  return ['taskset', '--cpu-list', String(core), ...command];
}

export interface Conditions {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  /** Processes that wanted a core in the minute before. */
  readonly loadBefore: number;
}

export function conditions(): Conditions {
  const commit = execFileSync('git', ['describe', '--always', '--dirty'], { cwd: benchFolder, encoding: 'utf8' });
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    commit: commit.trim(),
    loadBefore: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
  };
}
