import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { FileMachine, type FileLife } from '../../../test/support/events/file-machine.js';
import { accountsHold, idsFrom, predictionRecord, recordAll } from '../../../test/support/events/publisher-fixture.js';
import { settled } from '../../../test/support/events/manual-timers.js';
import { eventPublisherContract } from '../event-publisher.contract.js';

eventPublisherContract('FileEventPublisher', ({ durability, bufferSize }) => {
  const machine = new FileMachine();
  const life = machine.start({ buffer_size: bufferSize }, { durability });
  return {
    ...life,
    turn: () => machine.timers.turn(),
    wait: () => machine.timers.advance(5000),
    arrived: () => machine.events(),
    break: () => machine.files.faults.set('append', 'ENOSPC'),
    mend: () => machine.files.mend(),
    cleanUp: () => machine.remove(),
  };
});

let machine: FileMachine;
beforeEach(() => (machine = new FileMachine()));
afterEach(() => machine.remove());

const active = 'events-one.jsonl';

/** One turn of the loop with these events. */
async function turnOf(life: FileLife, from: number, to = from + 1): Promise<{ settled: number }> {
  const outcome = recordAll(life, from, to);
  await machine.timers.turn();
  return outcome;
}

describe('the event file', () => {
  it('is there from the start, one JSON line an event, readable by its owner only', async () => {
    const life = machine.start();
    expect(machine.names()).toEqual([active]);
    await turnOf(life, 0, 2);
    const [first, second, rest] = readFileSync(machine.path(active), 'utf8').split('\n');
    expect([first, second].map((line) => (JSON.parse(line ?? '') as { id: string }).id)).toEqual(idsFrom(0, 2));
    expect(rest).toBe('');
    expect(statSync(machine.path(active)).mode & 0o777).toBe(0o600);
    expect(statSync(machine.path('')).mode & 0o777).toBe(0o700);
  });

  it('takes all events of a callback by one write, before their promises settle', async () => {
    const life = machine.start();
    const recorded = recordAll(life, 0, 5);
    await settled();
    expect([machine.files.count('append'), recorded.settled]).toEqual([0, 0]);
    expect(life.publisher.accounts()).toMatchObject({ offered: 5, delivered: 0, inMemory: 5 });
    await machine.timers.turn();
    expect([machine.files.count('append'), recorded.settled]).toEqual([1, 5]);
    expect(life.publisher.accounts()).toMatchObject({ delivered: 5, inMemory: 0 });
    expect(life.observer.deliveredEvents).toBe(5);
  });

  it('keeps an event on one line, also where the caller wrote the features over several', async () => {
    const life = machine.start();
    void life.publisher.record(predictionRecord(0, { featuresText: '{\r\n  "credit_score": 3\n}' }));
    await turnOf(life, 1);
    expect(machine.ids()).toEqual(idsFrom(0, 2));
    expect(machine.events()[0]?.data['features']).toEqual({ credit_score: 3 });
  });

  it('holds events of any size, also beyond the memory that is kept for encoding', async () => {
    const life = machine.start();
    const texts = ['ü'.repeat(50_000), '☃'.repeat(2_000_000), 'short'];
    for (const [index, clientId] of texts.entries()) {
      void life.publisher.record(predictionRecord(index, { clientId }));
      await machine.timers.turn();
    }
    expect(machine.events().map(({ data }) => data['client_id'])).toEqual(texts);
  });

  it('takes a batch of many events by one write too, and loses none where the file refuses it first', async () => {
    const life = machine.start();
    const batch = async (from: number) => {
      for (let index = from; index < from + 200; index++) {
        void life.publisher.record(predictionRecord(index, { clientId: `${index}é`.repeat(150) }));
      }
      await machine.timers.turn();
    };
    await batch(0);
    expect([machine.files.count('append'), machine.ids()]).toEqual([1, idsFrom(0, 200)]);
    machine.files.faults.set('append', 'ENOSPC');
    await batch(200);
    expect(machine.ids()).toEqual(idsFrom(0, 200));
    machine.files.mend();
    await machine.timers.advance(5000);
    expect(machine.events().map(({ id, data }) => [id, data['client_id']])).toEqual(
      idsFrom(0, 400).map((id, index) => [id, `${index}é`.repeat(150)]),
    );
  });

  it('is each worker its own', async () => {
    const [one, two] = [machine.start(), machine.start({}, {}, 'two')];
    recordAll(one, 0, 1);
    await turnOf(two, 1);
    expect(machine.names()).toEqual([active, 'events-two.jsonl']);
  });

  it('refuses a worker whose name would lead elsewhere', () => {
    expect(() => machine.start({}, {}, '../one')).toThrow(TypeError);
  });
});

describe('durability: memory', () => {
  it('writes at the interval', async () => {
    const life = machine.start({}, { durability: 'memory' });
    recordAll(life, 0, 3);
    await machine.timers.turn();
    await machine.timers.advance(99);
    expect(machine.ids()).toEqual([]);
    await machine.timers.advance(1);
    expect(machine.ids()).toEqual(idsFrom(0, 3));
    expect(machine.files.count('append')).toBe(1);
  });

  it('writes as soon as buffer_size events wait, or a MiB', () => {
    const life = machine.start({ buffer_size: 10 }, { durability: 'memory' });
    recordAll(life, 0, 10);
    expect(machine.ids()).toEqual(idsFrom(0, 10));
    void life.publisher.record(predictionRecord(10, { clientId: 'x'.repeat(1024 * 1024) }));
    expect(machine.ids()).toEqual(idsFrom(0, 11));
  });

  it('under journal_fsync: always is on the disk soon after', async () => {
    const life = machine.start({}, { durability: 'memory', journal_fsync: 'always' });
    recordAll(life, 0, 3);
    await machine.timers.advance(100);
    expect([machine.ids(), machine.files.count('sync')]).toEqual([idsFrom(0, 3), 1]);
  });
});

describe('journal_fsync of the event file', () => {
  it('always: the promises settle once the disk has it', async () => {
    const life = machine.start({}, { journal_fsync: 'always' });
    machine.files.isHolding = true;
    const recorded = await turnOf(life, 0, 3);
    expect([machine.ids(), recorded.settled]).toEqual([idsFrom(0, 3), 0]);
    machine.files.release();
    await settled();
    expect(recorded.settled).toBe(3);
  });

  it('interval: within a second', async () => {
    const life = machine.start({}, { journal_fsync: 'interval' });
    expect((await turnOf(life, 0, 3)).settled).toBe(3);
    await machine.timers.advance(999);
    expect(machine.files.count('sync')).toBe(0);
    await machine.timers.advance(1);
    expect(machine.files.count('sync')).toBe(1);
  });

  it('never: the system decides', async () => {
    const life = machine.start();
    await turnOf(life, 0, 3);
    await machine.timers.advance(5000);
    await life.publisher.close(1000);
    expect(machine.files.count('sync')).toBe(0);
  });

  it('tells when the disk refuses it; no prediction hangs', async () => {
    const life = machine.start({}, { journal_fsync: 'always' });
    machine.files.faults.set('sync', 'EIO');
    expect((await turnOf(life, 0, 3)).settled).toBe(3);
    expect(life.observer.troubles).toEqual(['sync']);
  });
});

describe('a write that fails', () => {
  it('leaves no half line, and is repeated after a second', async () => {
    const life = machine.start();
    await turnOf(life, 0);
    machine.files.space = 1000;
    const recorded = await turnOf(life, 1, 5);
    expect(recorded.settled).toBe(4);
    expect(machine.ids()).toEqual(idsFrom(0, 1));
    machine.files.mend();
    await machine.timers.advance(999);
    await turnOf(life, 5);
    expect(machine.ids()).toEqual(idsFrom(0, 1));
    await machine.timers.advance(1);
    expect(machine.ids()).toEqual(idsFrom(0, 6));
    expect([life.observer.troubles, life.observer.recoveries]).toEqual([['write'], 1]);
  });

  it('leaves none where it cannot be cut off at once either: whole lines may then come twice', async () => {
    const life = machine.start();
    await turnOf(life, 0);
    machine.files.space = 1000;
    machine.files.faults.set('truncate', 'EIO');
    await turnOf(life, 1, 5);
    await machine.timers.advance(3000);
    expect(life.observer.troubles).toContain('write');
    machine.files.mend();
    await machine.timers.advance(1000);
    expect([...new Set(machine.ids())]).toEqual(idsFrom(0, 5));
    expect(life.publisher.accounts()).toMatchObject({ offered: 5, delivered: 5 });
  });

  it('is tried once a second, however many events come', async () => {
    const life = machine.start();
    machine.files.faults.set('append', 'ENOSPC');
    for (let number = 0; number < 50; number++) {
      await turnOf(life, number);
      await machine.timers.advance(50);
    }
    expect(machine.files.count('append')).toBe(3);
    expect(life.observer.troubles).toHaveLength(3);
  });

  it('of many events is made good piece by piece, in order with what comes meanwhile', async () => {
    const life = machine.start({ buffer_size: 2000 });
    machine.files.faults.set('append', 'ENOSPC');
    await turnOf(life, 0, 1800);
    machine.files.mend();
    await machine.timers.advance(1000);
    expect(machine.ids()).toEqual(idsFrom(0, 500));
    await turnOf(life, 1800, 1810);
    expect(life.publisher.health()).toBe('degraded');
    await machine.timers.advance(10);
    expect(machine.ids()).toEqual(idsFrom(0, 1810));
    expect([life.observer.recoveries, life.publisher.health()]).toEqual([1, 'healthy']);
  });

  it('at the start is told, and made good without an event', async () => {
    writeFileSync(machine.path(''), 'a file where the folder should be');
    const life = machine.start();
    expect([life.observer.troubles, life.publisher.health()]).toEqual([['open'], 'degraded']);
    rmSync(machine.path(''));
    await machine.timers.advance(1000);
    expect([life.observer.recoveries, life.publisher.health()]).toEqual([1, 'healthy']);
  });

  it('is tried again at the end; what the disk does not take then is counted', async () => {
    const life = machine.start();
    machine.files.faults.set('append', 'ENOSPC');
    await turnOf(life, 0, 3);
    machine.files.mend();
    await life.publisher.close(1000);
    expect(machine.ids()).toEqual(idsFrom(0, 3));
    const other = machine.start({}, {}, 'two');
    machine.files.faults.set('append', 'ENOSPC');
    await turnOf(other, 3, 6);
    await other.publisher.close(1000);
    expect(other.observer.drops).toEqual({ closed: 3 });
    expect(accountsHold(other.publisher)).toBe(true);
    expect([machine.files.openFiles, machine.timers.armed]).toEqual([0, 0]);
  });
});

describe('closing', () => {
  it('leaves no file open and no timer', async () => {
    const life = machine.start({}, { journal_fsync: 'interval' });
    await turnOf(life, 0, 3);
    await life.publisher.close(1000);
    expect([machine.files.openFiles, machine.timers.armed]).toEqual([0, 0]);
    expect(machine.files.count('sync')).toBe(1);
  });

  it('ends in time when the disk hangs', async () => {
    const life = machine.start({}, { journal_fsync: 'interval' });
    await turnOf(life, 0, 3);
    machine.files.isHolding = true;
    const closed = life.publisher.close(1000);
    await machine.timers.advance(1000);
    await closed;
    expect(machine.ids()).toEqual(idsFrom(0, 3));
  });
});
