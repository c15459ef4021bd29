import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { FileMachine, type FileLife } from '../../../test/support/events/file-machine.js';
import { idsFrom, predictionRecord, recordAll } from '../../../test/support/events/publisher-fixture.js';

let machine: FileMachine;
beforeEach(() => (machine = new FileMachine()));
afterEach(() => machine.remove());

const active = 'events-one.jsonl';
const large = { clientId: 'x'.repeat(60_000) };

/** One turn of the loop with these events. */
async function turnOf(life: FileLife, from: number, to = from + 1): Promise<void> {
  recordAll(life, from, to);
  await machine.timers.turn();
}

describe('rotation', () => {
  it('happens at the size, and keeps the newest files', async () => {
    const life = machine.start({}, { file_max_bytes: 65_536, file_keep: 2 });
    for (let number = 0; number < 5; number++) {
      void life.publisher.record(predictionRecord(number, large));
      await machine.timers.turn();
    }
    expect(machine.names()).toEqual(['events-one.000003.jsonl', 'events-one.000004.jsonl', active]);
    expect(machine.ids()).toEqual(idsFrom(2, 5));
    expect(machine.files.openFiles).toBe(1);
  });

  it('closes the old file after its last sync', async () => {
    const life = machine.start({}, { file_max_bytes: 65_536, journal_fsync: 'interval' });
    void life.publisher.record(predictionRecord(0, large));
    await machine.timers.turn();
    void life.publisher.record(predictionRecord(1, large));
    await machine.timers.turn();
    const { calls } = machine.files;
    expect(calls.indexOf('sync')).toBeGreaterThan(calls.indexOf('rename'));
    expect(calls.indexOf('close')).toBeGreaterThan(calls.indexOf('sync'));
    expect(machine.files.openFiles).toBe(1);
  });

  it('leaves the files of other workers alone', async () => {
    mkdirSync(machine.path(''));
    writeFileSync(machine.path('events-other.000007.jsonl'), '');
    const life = machine.start({}, { file_max_bytes: 65_536, file_keep: 1 });
    for (let number = 0; number < 3; number++) {
      void life.publisher.record(predictionRecord(number, large));
      await machine.timers.turn();
    }
    expect(machine.names()).toEqual(['events-one.000002.jsonl', active, 'events-other.000007.jsonl']);
  });

  it('goes on where an old file cannot be removed, and tells it', async () => {
    const life = machine.start({}, { file_max_bytes: 65_536, file_keep: 1 });
    machine.files.faults.set('remove', 'EACCES');
    for (let number = 0; number < 4; number++) {
      void life.publisher.record(predictionRecord(number, large));
      await machine.timers.turn();
    }
    expect(life.observer.troubles).toEqual(['remove', 'remove', 'remove']);
    machine.files.mend();
    void life.publisher.record(predictionRecord(4, large));
    await machine.timers.turn();
    expect(machine.names()).toEqual(['events-one.000004.jsonl', active]);
    expect(life.publisher.health()).toBe('healthy');
  });

  it.each(['rename', 'list', 'open', 'makeDirectory', 'state', 'stateAt'] as const)(
    'holds events in memory while %s fails, and loses none',
    async (operation) => {
      const life = machine.start({}, { file_max_bytes: 65_536 });
      void life.publisher.record(predictionRecord(0, large));
      await machine.timers.turn();
      machine.files.faults.set(operation, 'EIO');
      void life.publisher.record(predictionRecord(1, large));
      await machine.timers.turn();
      expect(life.publisher.accounts()).toMatchObject({ delivered: 1, inMemory: 1 });
      machine.files.mend();
      await machine.timers.advance(1000);
      expect(machine.ids()).toEqual(idsFrom(0, 2));
      expect([life.observer.troubles, life.observer.recoveries]).toEqual([['write'], 1]);
    },
  );
});

describe('what others do to the file', () => {
  it.each<[string, (path: string) => void]>([
    ['renamed', (path) => renameSync(path, `${path}.moved`)],
    ['removed', (path) => rmSync(path)],
    ['removed with its folder', () => rmSync(machine.path(''), { recursive: true })],
    ['replaced', (path) => (renameSync(path, `${path}.moved`), writeFileSync(path, ''))],
  ])('is noticed within a second when it is %s, and another is opened', async (_what, change) => {
    const life = machine.start();
    await turnOf(life, 0);
    change(machine.path(active));
    await machine.timers.advance(1000);
    await turnOf(life, 1);
    expect(machine.ids()).toEqual(idsFrom(1, 2));
    expect([machine.files.openFiles, life.observer.troubles]).toEqual([1, []]);
  });

  it('is not asked for at each write', async () => {
    const life = machine.start();
    for (let number = 0; number < 50; number++) {
      await turnOf(life, number);
      await machine.timers.advance(50);
    }
    expect(machine.files.count('stateAt')).toBe(2);
  });

  it.each([
    ['a short', 'half a li'],
    ['a very long', 'x'.repeat(200_000)],
  ])('%s torn line of a writer that died is cut off at the start', async (_name, rest) => {
    await turnOf(machine.start(), 0);
    machine.kill();
    appendFileSync(machine.path(active), rest);
    const life = machine.start();
    expect(machine.ids()).toEqual(idsFrom(0, 1));
    await turnOf(life, 1);
    expect(machine.ids()).toEqual(idsFrom(0, 2));
  });

  it('a file of nothing but a torn line is emptied', () => {
    mkdirSync(machine.path(''));
    writeFileSync(machine.path(active), 'x'.repeat(100_000));
    machine.start();
    expect(machine.texts()).toEqual([]);
  });

  it('a line that another process is writing is not taken for torn', async () => {
    await turnOf(machine.start(), 0);
    const { files } = machine;
    let looks = 0;
    const original = files.state.bind(files);
    files.state = (fd) => {
      // The other process writes the second half between the two looks.
      if (++looks === 2) appendFileSync(machine.path(active), ' "id": "event-1"}\n');
      return original(fd);
    };
    appendFileSync(machine.path(active), '{');
    machine.start();
    expect(machine.ids()).toEqual(idsFrom(0, 2));
  });

  it('two processes of one name write whole lines to the same file, through rotation', async () => {
    const settings = { file_max_bytes: 65_536, file_keep: 100 };
    const lives = [machine.start({}, settings), machine.start({}, settings)] as const;
    for (let number = 0; number < 300; number += 2) {
      recordAll(lives[0], number, number + 1);
      recordAll(lives[1], number + 1, number + 2);
      await machine.timers.turn();
      await machine.timers.advance(20);
    }
    expect(machine.ids().sort()).toEqual(idsFrom(0, 300).sort());
  });
});
