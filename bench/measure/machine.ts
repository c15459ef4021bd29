import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { benchFolder } from './workload.js';

/** Where things run. */
export interface Machine {
  readonly serverCore: number;
  readonly loadCore: number;
  /** Priority of servers and generator, as nice(1) has it; below 0 needs root. */
  readonly nice: number;
  /** Temporary folder of this run. */
  readonly scratch: string;
  close(): void;
}

/** Compiles the generator. @throws Error when there are fewer than two cores or no C compiler. */
export function openMachine(nice: number): Machine {
  if (availableParallelism() < 2) throw new Error('two cores are needed: one for the server, one for the load');
  execFileSync(path.join(benchFolder, 'build.sh'), { stdio: 'inherit' });
  const scratch = mkdtempSync(path.join(tmpdir(), 'inference-bench-'));
  return { serverCore: 0, loadCore: 1, nice, scratch, close: () => rmSync(scratch, { recursive: true, force: true }) };
}

/** The command line that runs `command` on one core. Both programs replace themselves, so the process id is the command's. */
export function placed(machine: Machine, core: number, command: readonly string[]): string[] {
  const nice = machine.nice === 0 ? [] : ['nice', '-n', String(machine.nice)];
  return [...nice, 'taskset', '--cpu-list', String(core), ...command];
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
