import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPublisher, type Way } from '../../test/support/events/lasting-publisher.js';
import { tailEvents } from './reading/tail.js';

const moduleAt = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** Records events without end, and writes down the id of each whose record settled. Dies by SIGKILL. */
const child = `
  const { openPublisher } = await import(${moduleAt('../../test/support/events/lasting-publisher.ts')});
  const { predictionRecord } = await import(${moduleAt('../../test/support/events/publisher-fixture.ts')});
  const { openSync, writeSync } = await import('node:fs');
  const [way, directory, life] = process.argv.slice(1);
  const acknowledged = openSync(directory + '/acknowledged', 'a');
  const publisher = openPublisher(way, directory);
  console.log('started');
  for (let number = 0; ; number += 20) {
    const ids = Array.from({ length: 20 }, (_, index) => 'life-' + life + '-' + (number + index) + '-end');
    await Promise.all(ids.map((eventId, index) => publisher.record(predictionRecord(index, { eventId }))));
    // Else the journal is full or in trouble, and an event may be lost by right.
    const { inMemory, dropped } = publisher.accounts();
    if (inMemory + dropped > 0) {
      console.error(publisher.accounts());
      process.exit(3);
    }
    writeSync(acknowledged, ids.join('\\n') + '\\n');
    if (number % 2000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
`;

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'events-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Runs one life and kills it after `milliseconds` of work. */
async function liveAndDie(way: Way, life: number, milliseconds: number): Promise<void> {
  const running = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', child, way, directory, String(life)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running.stdout.once('data', () => setTimeout(() => running.kill('SIGKILL'), milliseconds));
  const [, signal] = (await once(running, 'exit')) as [number | null, string];
  expect(signal).toBe('SIGKILL');
}

/** Several lives; answers the ids whose records had settled. */
async function acknowledgedOfLives(way: Way): Promise<string[]> {
  for (let life = 0; life < 3; life++) await liveAndDie(way, life, 50 + Math.random() * 300);
  const text = await readFile(join(directory, 'acknowledged'), 'utf8');
  // A last line may be cut by the death, and run into the first of the next life.
  const ids = text.split('\n').filter((line) => /^life-\d-\d+-end$/.test(line));
  expect(ids.length).toBeGreaterThan(100);
  return ids;
}

async function startAndEnd(way: Way): Promise<void> {
  const publisher = openPublisher(way, directory);
  await publisher.close(30_000);
  expect(publisher.accounts()).toMatchObject({ journaled: 0, dropped: 0, inMemory: 0 });
}

describe('demand 10: kill -9 at a random moment under load', () => {
  it(
    'leaves every event whose record had settled in the event file, once, and no torn line',
    { timeout: 60_000 },
    async () => {
      const acknowledged = await acknowledgedOfLives('file');
      await startAndEnd('file');
      const text = await readFile(join(directory, 'events', 'events-1.jsonl'), 'utf8');
      expect(text.endsWith('\n')).toBe(true);
      const written: string[] = [];
      await tailEvents({
        directory,
        follow: false,
        from: 'start',
        signal: new AbortController().signal,
        onEvent: (json) => void written.push((JSON.parse(json) as { id: string }).id),
      });
      const unique = new Set(written);
      expect(acknowledged.filter((id) => !unique.has(id))).toEqual([]);
      expect(unique.size).toBe(written.length);
      expect(await readdir(directory)).toEqual(['acknowledged', 'events']);
    },
  );

  it('with a sink loses no event whose record had settled; files stay private', { timeout: 60_000 }, async () => {
    const acknowledged = await acknowledgedOfLives('sink');
    const [journal] = await readdir(join(directory, 'journal'));
    expect((await stat(join(directory, 'journal', journal ?? ''))).mode & 0o777).toBe(0o700);
    await startAndEnd('sink');
    const delivered = new Set((await readFile(join(directory, 'delivered'), 'utf8')).split('\n'));
    expect(acknowledged.filter((id) => !delivered.has(id))).toEqual([]);
    expect(await readdir(join(directory, 'journal'))).toEqual([]);
  });
});
