import { join } from 'node:path';
import { activeFileName, eventFiles, rotatedFileName } from '../event-paths.js';
import type { EventFiles } from './event-files.js';

export interface RotationOptions {
  readonly files: EventFiles;
  readonly directory: string;
  readonly worker: string;
  /** Rotated files that are kept. */
  readonly keep: number;
}

/**
 * Gives the file being written its number: `events-<worker>.jsonl` becomes `events-<worker>.<number>.jsonl`. Answers the paths of
 * those that are too many then, the oldest first. @throws the system's error; the file then has its old name.
 */
export function rotate({ files, directory, worker, keep }: RotationOptions): string[] {
  const rotated = eventFiles(files.list(directory)).flatMap(({ name, worker: owner, number }) =>
    owner === worker && number !== undefined ? [{ name, number }] : [],
  );
  const next = (rotated.at(-1)?.number ?? 0) + 1;
  files.rename(join(directory, activeFileName(worker)), join(directory, rotatedFileName(worker, next)));
  const surplus = rotated.slice(0, Math.max(0, rotated.length + 1 - keep));
  return surplus.map(({ name }) => join(directory, name));
}
