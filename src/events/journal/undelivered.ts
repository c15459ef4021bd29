import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../shared/errors.js';
import { eventPaths } from '../event-paths.js';
import type { EventsObserver } from '../observer.js';
import { parseCursor } from './cursor.js';
import { listOrNone } from './journal-directories.js';
import { systemJournalFiles } from './journal-files.js';
import { cursorName } from './journal-log.js';
import { newSegment, segmentNumbers } from './segment.js';

export interface UndeliveredSegment {
  readonly path: string;
  /** Where what was not delivered begins. */
  readonly offset: number;
}

/** Looks at a journal directory from outside, also while its owner works. */
export async function undeliveredSegments(directory: string): Promise<UndeliveredSegment[]> {
  const names = await orIfGone<string[], string[]>(readdir(directory), []);
  const cursor = names.includes(cursorName) ? parseCursor(await readIfThere(join(directory, cursorName))) : undefined;
  return segmentNumbers(names)
    .filter((number) => cursor === undefined || number >= cursor.segment)
    .map((number) => ({
      path: newSegment(directory, number).path,
      offset: number === cursor?.segment ? cursor.offset : 0,
    }));
}

/**
 * Tells what waits in the journal below `dataDirectory`, where no sink is configured that could take it. By the sizes of the files:
 * they may be large. Never rejects.
 */
export async function tellWaitingJournal(
  dataDirectory: string,
  observer: Pick<EventsObserver, 'journalWaits' | 'journalTrouble'>,
): Promise<void> {
  const root = eventPaths(dataDirectory).journal;
  try {
    const sizes: number[] = [];
    for (const name of listOrNone(systemJournalFiles, root)) sizes.push(await undeliveredBytes(join(root, name)));
    const waiting = sizes.filter((bytes) => bytes > 0);
    const bytes = waiting.reduce((sum, size) => sum + size, 0);
    if (bytes > 0) observer.journalWaits({ directories: waiting.length, bytes });
  } catch (thrown) {
    observer.journalTrouble('read', messageOf(thrown));
  }
}

async function undeliveredBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const { path, offset } of await undeliveredSegments(directory)) {
    const { size } = await orIfGone(stat(path), { size: 0 });
    bytes += Math.max(0, size - offset);
  }
  return bytes;
}

/** The service may remove a file between its listing and its reading. */
export function readIfThere(path: string): Promise<Buffer> {
  return orIfGone(systemJournalFiles.read(path), Buffer.alloc(0));
}

async function orIfGone<T, N>(work: Promise<T>, nothing: N): Promise<T | N> {
  try {
    return await work;
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return nothing;
    throw thrown;
  }
}
