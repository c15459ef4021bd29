import { join } from 'node:path';

/** Where events live below the data directory. */
export function eventPaths(dataDirectory: string): { readonly files: string; readonly journal: string } {
  return { files: join(dataDirectory, 'events'), journal: join(dataDirectory, 'journal') };
}

/** @throws TypeError when the worker's name is not letters, digits, `_` and `-`: it is part of paths. */
export function checkWorkerName(worker: string): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(worker)) throw new TypeError('A worker is named by letters, digits, _ and -');
}

/**
 * Worker W writes `events-W.jsonl`; when that is full it becomes `events-W.000001.jsonl`, the next one
 * `events-W.000002.jsonl`, so that names tell the order.
 */
export const activeFileName = (worker: string) => `events-${worker}.jsonl`;
export const rotatedFileName = (worker: string, number: number) =>
  `events-${worker}.${String(number).padStart(6, '0')}.jsonl`;

export interface EventFileName {
  readonly name: string;
  readonly worker: string;
  /** undefined: the file being written. */
  readonly number: number | undefined;
}

const pattern = /^events-(?<worker>[A-Za-z0-9_-]+)(?:\.(?<number>\d{6,15}))?\.jsonl$/;

/** The event files among a directory's names: by worker, then in the order in which they were written. */
export function eventFiles(names: readonly string[]): EventFileName[] {
  return names
    .flatMap((name) => {
      const groups = pattern.exec(name)?.groups;
      if (groups?.['worker'] === undefined) return [];
      const number = groups['number'];
      return [{ name, worker: groups['worker'], number: number === undefined ? undefined : Number(number) }];
    })
    .sort((a, b) => a.worker.localeCompare(b.worker) || (a.number ?? Infinity) - (b.number ?? Infinity));
}
