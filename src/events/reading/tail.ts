import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { eventFiles, eventPaths } from '../event-paths.js';
import { readLines } from './event-lines.js';

export interface TailOptions {
  /** The data directory. */
  readonly directory: string;
  /** Go on with new events until `signal` aborts. */
  readonly follow: boolean;
  /** `start`: all events that the files hold. `end`: only those to come. */
  readonly from: 'start' | 'end';
  readonly signal: AbortSignal;
  /** The JSON text of one event. Worker by worker, within a worker in order. */
  readonly onEvent: (json: string) => void | Promise<void>;
  readonly pollMs?: number;
}

/** Reads the event files, through rotation. Settles at the end of the files, or with `follow` when `signal` aborts. */
export async function tailEvents(options: TailOptions): Promise<void> {
  const { directory, follow, from, signal, pollMs = 250 } = options;
  const folder = eventPaths(directory).files;
  const positions = new Map<string, number>();
  if (from === 'end') for (const { key, size } of await filesIn(folder)) positions.set(key, size);
  while (!signal.aborted) {
    for (const file of await filesIn(folder)) await readNew(file, positions, options);
    if (!follow) return;
    await wait(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

interface FileState {
  readonly path: string;
  /** The worker and the number that the file has, or will have when it is rotated: inodes are used again, these are not. */
  readonly key: string;
  readonly inode: number;
  readonly size: number;
}

async function readNew(
  file: FileState,
  positions: Map<string, number>,
  { onEvent, signal }: TailOptions,
): Promise<void> {
  const { key, path, inode, size } = file;
  const position = positions.get(key) ?? 0;
  if (size <= position || signal.aborted) return;
  positions.set(key, await orNothing(readLines({ path, position, inode }, onEvent), position));
}

/** The files at one moment: a rotation during the look makes it look again. */
async function filesIn(folder: string): Promise<FileState[]> {
  for (;;) {
    const names = await orNothing(readdir(folder), []);
    const files = await statesOf(folder, names);
    if (sameNames(names, await orNothing(readdir(folder), []))) return files;
  }
}

function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return [...some].sort().join('/') === [...others].sort().join('/');
}

async function statesOf(folder: string, names: readonly string[]): Promise<FileState[]> {
  const files: FileState[] = [];
  const highest = new Map<string, number>();
  for (const { name, worker, number = (highest.get(worker) ?? 0) + 1 } of eventFiles(names)) {
    highest.set(worker, number);
    const path = join(folder, name);
    const state = await orNothing(stat(path), undefined);
    if (state !== undefined) files.push({ path, key: `${worker}/${number}`, inode: state.ino, size: state.size });
  }
  return files;
}

/** A folder that is not there yet, and a file renamed or removed since the listing, are no errors: the next round sees it. */
async function orNothing<T, N>(work: Promise<T>, nothing: N): Promise<T | N> {
  try {
    return await work;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    throw thrown;
  }
}
