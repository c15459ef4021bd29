import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/clock.js';
import {
  eventsDefaults,
  MemorySink,
  predictionRecord,
  RecordingObserver,
} from '../../../test/support/events/publisher-fixture.js';
import { createEventPublisher } from '../create-event-publisher.js';
import { tellWaitingJournal } from '../journal/undelivered.js';
import { eventStats } from './stats.js';
import { tailEvents } from './tail.js';

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'events-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

function publisher(sink?: MemorySink) {
  return createEventPublisher({
    stream: { enabled: true, buffer_size: 1000, flush_interval_ms: 5 },
    events: eventsDefaults,
    directory,
    worker: '1',
    sink,
    environment: 'test',
    clock: systemClock,
    observer: new RecordingObserver(),
  });
}

const path = (name: string) => join(directory, 'events', name);
const line = (number: number) => `{"id":"event-${number}"}\n`;

async function tail(
  from: 'start' | 'end',
  follow: boolean,
  during: (seen: string[]) => Promise<void>,
): Promise<string[]> {
  const stop = new AbortController();
  const seen: string[] = [];
  const done = tailEvents({
    directory,
    from,
    follow,
    signal: stop.signal,
    pollMs: 1,
    onEvent: (json) => void seen.push(json),
  });
  await during(seen);
  if (follow) stop.abort();
  await done;
  return seen.map((json) => (JSON.parse(json) as { id: string }).id);
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe('tail', () => {
  it('reads all files, the oldest first, and leaves out a half line', async () => {
    await mkdir(path(''));
    await writeFile(path('events-1.jsonl'), line(3) + '{"id":"half');
    await writeFile(path('events-1.000002.jsonl'), line(2));
    await writeFile(path('events-1.000001.jsonl'), line(1));
    await writeFile(path('other.txt'), 'no events');
    expect(await tail('start', false, async () => {})).toEqual(['event-1', 'event-2', 'event-3']);
  });

  it('ends at once where there are no files', async () => {
    expect(await tail('start', false, async () => {})).toEqual([]);
  });

  it('follows what comes, through rotation and removal, each event once', async () => {
    await mkdir(path(''));
    await writeFile(path('events-1.jsonl'), line(1));
    const ids = await tail('end', true, async (seen) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await appendFile(path('events-1.jsonl'), line(2));
      await until(() => seen.length === 1);
      for (let number = 1; number <= 3; number++) {
        await rename(path('events-1.jsonl'), path(`events-1.00000${number}.jsonl`));
        if (number > 1) await rm(path(`events-1.00000${number - 1}.jsonl`));
        await writeFile(path('events-1.jsonl'), line(2 + number));
        await until(() => seen.length === 1 + number);
      }
    });
    expect(ids).toEqual(['event-2', 'event-3', 'event-4', 'event-5']);
  });

  it('passes an error on that is not about a missing file', async () => {
    await writeFile(path(''), 'a file where the folder should be');
    await expect(tail('start', false, async () => {})).rejects.toThrow('ENOTDIR');
  });
});

describe('statistics', () => {
  it('of nothing are zero', async () => {
    expect(await eventStats({ dataDirectory: directory })).toEqual({
      events: 0,
      counts: [],
      unreadableLines: 0,
      journal: { events: 0, bytes: 0, oldest: null },
    });
  });

  it('count delivered events by model, status and error code, repeats once', async () => {
    const events = publisher();
    for (const number of [1, 2, 3, 3]) await events.record(predictionRecord(number));
    await events.record(predictionRecord(4, { status: 'error', errorCode: 'INVALID_REQUEST', modelId: null }));
    await events.close(5000);
    await appendFile(path('events-1.jsonl'), 'not an event\n[]\n');
    expect(await eventStats({ dataDirectory: directory })).toMatchObject({
      events: 4,
      counts: [
        { modelId: 'mortgage_denial', status: 'success', errorCode: null, events: 3 },
        { modelId: null, status: 'error', errorCode: 'INVALID_REQUEST', events: 1 },
      ],
      unreadableLines: 2,
    });
  });

  it('count what waits in the journal, without what was delivered, also while it is written', async () => {
    const sink = new MemorySink();
    const events = publisher(sink);
    await Promise.all([1, 2].map(async (number) => events.record(predictionRecord(number))));
    await until(() => events.accounts().delivered === 2);
    sink.failure = new Error('down');
    const later = Date.parse('2026-05-01T00:00:00Z');
    await Promise.all(
      [3, 4, 5].map(async (number) => events.record(predictionRecord(number, { timestamp: later + number }))),
    );
    const { journal } = await eventStats({ dataDirectory: directory });
    expect(journal).toMatchObject({ events: 3, oldest: '2026-05-01T00:00:00.003Z' });
    expect(journal.bytes).toBeGreaterThan(1000);
    await events.close(1000);
    expect((await eventStats({ dataDirectory: directory })).journal.events).toBe(3);
    const observer = new RecordingObserver();
    await tellWaitingJournal(directory, observer);
    expect(observer.waiting).toEqual([{ directories: 1, bytes: expect.any(Number) as number }]);
    // Sizes of files: what was delivered of the segment is not in it.
    expect(observer.waiting[0]?.bytes).toBe(journal.bytes);
  });
});

describe('what waits in the journal', () => {
  it('is not worth a word where nothing does', async () => {
    const observer = new RecordingObserver();
    await tellWaitingJournal(directory, observer);
    await mkdir(join(directory, 'journal', 'one_1.closed'), { recursive: true });
    await writeFile(join(directory, 'journal', 'a file'), '');
    await tellWaitingJournal(directory, observer);
    expect([observer.waiting, observer.troubles]).toEqual([[], []]);
  });

  it('and cannot be read is told', async () => {
    const observer = new RecordingObserver();
    await writeFile(join(directory, 'journal'), 'a file where the folder should be');
    await tellWaitingJournal(directory, observer);
    expect(observer.troubles).toEqual(['read']);
  });
});
