import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../shared/clock.js';
import { eventsDefaults, RecordingObserver } from '../../test/support/events/publisher-fixture.js';
import { createEventPublisher } from './create-event-publisher.js';
import { tailEvents } from './reading/tail.js';
import { FileSink } from './sinks/file-sink.js';

/** Records events without end, and writes down the id of each whose record settled. Dies by SIGKILL. */
const child = `
  const { createEventPublisher } = await import(${JSON.stringify(new URL('./create-event-publisher.ts', import.meta.url).href)});
  const { FileSink } = await import(${JSON.stringify(new URL('./sinks/file-sink.ts', import.meta.url).href)});
  const { systemClock } = await import(${JSON.stringify(new URL('../shared/clock.ts', import.meta.url).href)});
  const { predictionRecord, RecordingObserver, eventsDefaults } =
    await import(${JSON.stringify(new URL('../../test/support/events/publisher-fixture.ts', import.meta.url).href)});
  const { openSync, writeSync } = await import('node:fs');
  const [directory, life] = process.argv.slice(1);
  const acknowledged = openSync(directory + '/acknowledged', 'a');
  console.log('started');
  const events = { ...eventsDefaults, journal_max_bytes: 256 * 1024 * 1024 };
  const observer = new RecordingObserver();
  const publisher = createEventPublisher({
    stream: { enabled: true, buffer_size: 200, flush_interval_ms: 5 }, events, directory, worker: '1',
    sink: new FileSink({ directory, worker: '1', events: { file_max_bytes: 1 << 28, file_keep: 8 } }),
    environment: 'test', clock: systemClock, observer,
  });
  for (let number = 0; ; number += 20) {
    const ids = Array.from({ length: 20 }, (_, index) => 'life-' + life + '-' + (number + index) + '-end');
    await Promise.all(ids.map((eventId, index) => publisher.record(predictionRecord(index, { eventId }))));
    // Else the journal is full or in trouble, and an event may be lost by right.
    const { inMemory, dropped } = publisher.accounts();
    if (inMemory + dropped > 0) {
      console.error(publisher.accounts(), observer);
      process.exit(3);
    }
    writeSync(acknowledged, ids.join('\\n') + '\\n');
  }
`;

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'events-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Runs one life and kills it after `milliseconds` of work. */
async function liveAndDie(life: number, milliseconds: number): Promise<void> {
  const running = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', child, directory, String(life)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running.stdout.once('data', () => setTimeout(() => running.kill('SIGKILL'), milliseconds));
  const [, signal] = (await once(running, 'exit')) as [number | null, string];
  expect(signal).toBe('SIGKILL');
}

/** A last line may be cut by the death, and run into the first of the next life. */
async function acknowledgedIds(): Promise<string[]> {
  const text = await readFile(join(directory, 'acknowledged'), 'utf8');
  return text.split('\n').filter((line) => /^life-\d-\d+-end$/.test(line));
}

async function deliverTheRest(): Promise<RecordingObserver> {
  const observer = new RecordingObserver();
  const publisher = createEventPublisher({
    stream: { enabled: true, buffer_size: 200, flush_interval_ms: 5 },
    events: eventsDefaults,
    directory,
    worker: '1',
    sink: new FileSink({ directory, worker: '1', events: { file_max_bytes: 1 << 28, file_keep: 8 } }),
    environment: 'test',
    clock: systemClock,
    observer,
  });
  await publisher.close(30_000);
  expect(publisher.accounts()).toMatchObject({ journaled: 0, dropped: 0, inMemory: 0 });
  return observer;
}

describe('demand 10: kill -9 at a random moment under load', () => {
  it(
    'loses no event whose record had settled, over several lives; files stay private',
    { timeout: 60_000 },
    async () => {
      for (let life = 0; life < 3; life++) await liveAndDie(life, 50 + Math.random() * 300);
      const acknowledged = await acknowledgedIds();
      expect(acknowledged.length).toBeGreaterThan(100);
      const [journal] = await readdir(join(directory, 'journal'));
      expect((await stat(join(directory, 'journal', journal ?? ''))).mode & 0o777).toBe(0o700);
      await deliverTheRest();
      const delivered = new Set<string>();
      await tailEvents({
        directory,
        follow: false,
        from: 'start',
        signal: new AbortController().signal,
        onEvent: (json) => void delivered.add((JSON.parse(json) as { id: string }).id),
      });
      expect(acknowledged.filter((id) => !delivered.has(id))).toEqual([]);
      expect(await readdir(join(directory, 'journal'))).toEqual([]);
    },
  );
});
