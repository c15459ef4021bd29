import { readFileSync, readdirSync } from 'node:fs';

/** Linux counts CPU time of processes in hundredths of a second. */
const TICKS_PER_SECOND = 100;

export interface ProcessUse {
  /** User and system time of all threads of the process and its living descendants, in seconds. */
  readonly cpuSeconds: number;
  readonly processes: number;
}

export interface MemoryUse {
  readonly rssMb: number;
  /** Proportional set size: shared pages are divided among those who share them. */
  readonly pssMb: number;
}

export function processUse(pid: number): ProcessUse {
  const pids = descendants(pid);
  return { cpuSeconds: pids.reduce((sum, each) => sum + cpuSeconds(each), 0), processes: pids.length };
}

export function memoryUse(pid: number): MemoryUse {
  const [rssMb, pssMb] = ['Rss', 'Pss'].map((name) =>
    descendants(pid).reduce((sum, each) => sum + smapsKilobytes(each, name) / 1024, 0),
  );
  return { rssMb: rssMb ?? 0, pssMb: pssMb ?? 0 };
}

function descendants(pid: number): number[] {
  const found = [pid];
  for (const each of found) found.push(...childrenOf(each));
  return found;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function cpuSeconds(pid: number): number {
  // The name of the program, in parentheses, may hold spaces; utime and stime are fields 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function smapsKilobytes(pid: number, name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(line?.[1] ?? 0);
}
