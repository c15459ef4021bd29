import { join } from 'node:path';
import { isPlainObject } from '../../shared/json.js';
import { eventFiles, eventPaths } from '../event-paths.js';
import { listOrNone } from '../journal/journal-directories.js';
import { systemJournalFiles } from '../journal/journal-files.js';
import { readRecord } from '../journal/record-format.js';
import { readIfThere, undeliveredSegments } from '../journal/undelivered.js';
import { parseEvent, readLines } from './event-lines.js';

export interface EventCount {
  readonly modelId: string | null;
  readonly status: string;
  readonly errorCode: string | null;
  readonly events: number;
}

export interface EventStats {
  /** In the event files that are kept; an event that was delivered twice counts once. */
  readonly events: number;
  readonly counts: readonly EventCount[];
  /** Lines that are no events. */
  readonly unreadableLines: number;
  readonly journal: {
    /** Events that wait for delivery. */
    readonly events: number;
    readonly bytes: number;
    /** RFC 3339 time of the oldest of them; null when there is none. */
    readonly oldest: string | null;
  };
}

/** Reads the event files and the journal below `dataDirectory`, also while the service runs. */
export async function eventStats({ dataDirectory }: { readonly dataDirectory: string }): Promise<EventStats> {
  const paths = eventPaths(dataDirectory);
  return { ...(await countFiles(paths.files)), journal: await journalBacklog(paths.journal) };
}

async function countFiles(folder: string): Promise<Omit<EventStats, 'journal'>> {
  const counts = new Map<string, EventCount>();
  const seen = new Set<string>();
  let unreadableLines = 0;
  for (const { name } of eventFiles(listOrNone(systemJournalFiles, folder))) {
    await readLines({ path: join(folder, name), position: 0 }, (line) => {
      const event = parseEvent(line);
      const data = event?.['data'];
      if (event === undefined || !isPlainObject(data)) unreadableLines++;
      else if (!seen.has(String(event['id']))) {
        seen.add(String(event['id']));
        count(counts, data);
      }
    });
  }
  const sorted = [...counts.values()].sort((a, b) => b.events - a.events);
  return { events: seen.size, counts: sorted, unreadableLines };
}

function count(counts: Map<string, EventCount>, data: Record<string, unknown>): void {
  const modelId = textOrNull(data['model_id']);
  const status = textOrNull(data['status']) ?? 'unknown';
  const errorCode = textOrNull(data['error_code']);
  const key = JSON.stringify([modelId, status, errorCode]);
  counts.set(key, { modelId, status, errorCode, events: (counts.get(key)?.events ?? 0) + 1 });
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

interface Backlog {
  events: number;
  bytes: number;
  oldest: string | null;
}

async function journalBacklog(root: string): Promise<EventStats['journal']> {
  const backlog: Backlog = { events: 0, bytes: 0, oldest: null };
  for (const name of listOrNone(systemJournalFiles, root)) await addDirectory(join(root, name), backlog);
  return backlog;
}

async function addDirectory(directory: string, backlog: Backlog): Promise<void> {
  for (const { path, offset } of await undeliveredSegments(directory))
    addRecords(await readIfThere(path), offset, backlog);
}

function addRecords(bytes: Buffer, offset: number, backlog: Backlog): void {
  for (let at = offset; ;) {
    const record = readRecord(bytes, at);
    if (typeof record !== 'object') return;
    backlog.events++;
    backlog.bytes += record.end - at;
    const time = textOrNull(parseEvent(bytes.toString('utf8', record.jsonStart, record.end))?.['time']);
    if (time !== null && (backlog.oldest === null || time < backlog.oldest)) backlog.oldest = time;
    at = record.end;
  }
}
