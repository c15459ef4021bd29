import { describe, expect, it } from 'vitest';
import { EventsRefusedError } from './event-sink.js';
import { accountsHold, Machine, predictionRecord, type Life } from '../../test/support/events/publisher-fixture.js';

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `event-${from + index}`);

function recordAll({ publisher }: Life, from: number, to: number): (Promise<void> | void)[] {
  return Array.from({ length: to - from }, (_, index) => publisher.record(predictionRecord(from + index)));
}

describe('a publisher with a journal', () => {
  it('settles all records of a turn by one write, at the end of the turn', async () => {
    const machine = new Machine();
    const life = machine.start();
    let settled = 0;
    for (const written of recordAll(life, 0, 5)) void written?.then(() => settled++);
    expect(machine.files.calls).not.toContain('append');
    expect(life.publisher.accounts()).toMatchObject({ offered: 5, inMemory: 5, journaled: 0 });
    await machine.timers.turn();
    expect(settled).toBe(5);
    expect(machine.files.calls.filter((call) => call === 'append')).toHaveLength(1);
    expect(life.publisher.accounts()).toMatchObject({ offered: 5, inMemory: 0, journaled: 5 });
  });

  it('delivers after the flush interval, in order, without reading back', async () => {
    const machine = new Machine();
    const life = machine.start();
    recordAll(life, 0, 20);
    await machine.timers.turn();
    await machine.timers.advance(99);
    expect(life.sink.batches).toBe(0);
    await machine.timers.advance(1);
    expect(life.sink.ids).toEqual(ids(0, 20));
    expect(machine.files.calls).not.toContain('readPart');
    expect(life.publisher.accounts()).toEqual({ offered: 20, delivered: 20, journaled: 0, dropped: 0, inMemory: 0 });
  });

  it('delivers at once when 500 wait, in batches of 500 at most', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 10_000 });
    await machine.timers.turn();
    recordAll(life, 0, 1100);
    await machine.timers.turn();
    expect(life.sink.ids).toEqual(ids(0, 1000));
    expect(life.sink.batches).toBe(2);
    await machine.timers.advance(100);
    expect(life.sink.ids).toEqual(ids(0, 1100));
  });

  it('writes more than one time in a turn rather than hold more than buffer_size', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 10 });
    recordAll(life, 0, 25);
    expect(life.publisher.accounts().inMemory).toBeLessThanOrEqual(10);
    await machine.timers.turn();
    await machine.timers.advance(5000);
    expect(life.sink.ids).toEqual(ids(0, 25));
    expect(life.observer.drops).toEqual({});
  });

  it('reads back from disk what its memory does not hold', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 10 });
    life.sink.failure = new Error('down');
    for (let start = 0; start < 100; start += 5) {
      recordAll(life, start, start + 5);
      await machine.timers.turn();
    }
    expect(life.publisher.accounts()).toMatchObject({ journaled: 100, inMemory: 0 });
    life.sink.failure = undefined;
    await machine.timers.advance(60_000);
    expect(machine.files.calls).toContain('readPart');
    expect(life.sink.ids).toEqual(ids(0, 100));
  });

  it('sends a failed batch again after growing pauses, unchanged, and nothing before it', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('broker down');
    recordAll(life, 0, 3);
    await machine.timers.turn();
    await machine.timers.advance(100);
    recordAll(life, 3, 6);
    await machine.timers.turn();
    await machine.timers.advance(75 + 150 + 300);
    expect(life.observer.failures.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(life.publisher.health()).toBe('degraded');
    life.sink.failure = undefined;
    await machine.timers.advance(20_000);
    expect(life.sink.ids).toEqual(ids(0, 6));
    expect(life.publisher.health()).toBe('healthy');
  });

  it('drops and counts what the sink will never take, and goes on with the rest', async () => {
    const machine = new Machine();
    const life = machine.start();
    const original = life.sink.deliver.bind(life.sink);
    life.sink.deliver = (batch) =>
      batch.some(({ id }) => id === 'event-1')
        ? Promise.reject(new EventsRefusedError(['event-1'], 'too large'))
        : original(batch);
    recordAll(life, 0, 3);
    await machine.timers.turn();
    await machine.timers.advance(100);
    expect(life.sink.ids).toEqual(['event-0', 'event-2']);
    expect(life.observer.drops).toEqual({ refused: 1 });
    expect(accountsHold(life.publisher)).toBe(true);
  });

  it('counts a record that is no JSON, without throwing', () => {
    const life = new Machine().start();
    const record = predictionRecord(1, { prediction: { count: 1n as unknown as number } });
    expect(life.publisher.record(record)).toBeUndefined();
    expect(life.observer.drops).toEqual({ not_encodable: 1 });
    expect(accountsHold(life.publisher)).toBe(true);
  });

  it('waits under journal_fsync: always for the disk, one sync for all that wait', async () => {
    const machine = new Machine();
    const life = machine.start({}, { journal_fsync: 'always' });
    let finish = () => {};
    let syncs = 0;
    machine.files.sync = () => {
      syncs++;
      return new Promise((resolve) => (finish = resolve));
    };
    let settled = 0;
    for (const written of recordAll(life, 0, 3)) void written?.then(() => settled++);
    await machine.timers.turn();
    for (const written of recordAll(life, 3, 6)) void written?.then(() => settled++);
    await machine.timers.turn();
    for (const written of recordAll(life, 6, 9)) void written?.then(() => settled++);
    await machine.timers.turn();
    expect([settled, syncs]).toEqual([0, 1]);
    finish();
    await machine.timers.turn();
    expect([settled, syncs]).toEqual([3, 2]);
    finish();
    await machine.timers.turn();
    expect([settled, syncs]).toEqual([9, 2]);
  });

  it('syncs under journal_fsync: interval once a second, and reports a sync that fails', async () => {
    const machine = new Machine();
    const life = machine.start({}, { journal_fsync: 'interval' });
    recordAll(life, 0, 3);
    await machine.timers.turn();
    await machine.timers.advance(999);
    expect(machine.files.calls).not.toContain('sync');
    machine.files.faults.set('sync', 'EIO');
    await machine.timers.advance(1);
    expect(machine.files.calls.filter((call) => call === 'sync')).toHaveLength(1);
    expect(life.observer.troubles).toEqual(['sync']);
  });
});

describe('a journal that is full, or a disk that refuses', () => {
  it.each(['ENOSPC', 'EROFS', 'EIO'])(
    '%s: holds events in memory, loses none while they fit, and recovers by itself',
    async (code) => {
      const machine = new Machine();
      const life = machine.start();
      life.sink.failure = new Error('down');
      recordAll(life, 0, 5);
      await machine.timers.turn();
      machine.files.faults.set('append', code);
      const written = recordAll(life, 5, 10);
      await machine.timers.turn();
      await Promise.all(written);
      expect(life.publisher.accounts()).toMatchObject({ journaled: 5, inMemory: 5, dropped: 0 });
      expect(life.observer.troubles).toContain('write');
      expect(life.publisher.health()).toBe('degraded');
      machine.files.faults.delete('append');
      await machine.timers.advance(1000);
      expect(life.publisher.accounts()).toMatchObject({ journaled: 10, inMemory: 0 });
      expect(life.observer.recoveries).toBe(1);
      life.sink.failure = undefined;
      await machine.timers.advance(60_000);
      expect(life.sink.ids).toEqual(ids(0, 10));
    },
  );

  it('leaves no half record behind when the disk fills up within a write', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 3);
    await machine.timers.turn();
    machine.files.space = 1000;
    recordAll(life, 3, 6);
    await machine.timers.turn();
    machine.killAll();
    machine.files.space = Infinity;
    const next = machine.start();
    await machine.timers.advance(1000);
    expect(next.sink.ids).toEqual(ids(0, 3));
    expect(next.observer.replays).toEqual([{ events: 3, tornTails: 0, damagedSegments: 0 }]);
  });

  it('skips the half record when not even cutting it off works', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 3);
    await machine.timers.turn();
    machine.files.space = 100;
    machine.files.faults.set('truncate', 'EIO');
    recordAll(life, 3, 6);
    await machine.timers.turn();
    machine.files.space = Infinity;
    await machine.timers.advance(2000);
    expect(life.publisher.accounts()).toMatchObject({ journaled: 6, inMemory: 0 });
    machine.killAll();
    const next = machine.start();
    await machine.timers.advance(1000);
    expect(next.sink.ids).toEqual(ids(0, 6));
    expect(next.observer.replays).toEqual([{ events: 6, tornTails: 1, damagedSegments: 0 }]);
  });

  it('starts on a read-only disk, and delivers from memory', async () => {
    const machine = new Machine();
    machine.files.faults.set('makeDirectory', 'EROFS');
    const life = machine.start();
    recordAll(life, 0, 5);
    await machine.timers.turn();
    await machine.timers.advance(100);
    expect(life.sink.ids).toEqual(ids(0, 5));
    expect(life.observer.troubles).toEqual(['write']);
  });

  it('drops the oldest in memory behind the batch on its way, counted, when memory is full too; and says that it is unhealthy', async () => {
    const machine = new Machine();
    machine.files.faults.set('create', 'ENOSPC');
    const life = machine.start({ buffer_size: 10 });
    life.sink.failure = new Error('down');
    for (let number = 0; number < 30; number++) {
      recordAll(life, number, number + 1);
      await machine.timers.turn();
      expect(accountsHold(life.publisher)).toBe(true);
    }
    expect(life.publisher.accounts()).toMatchObject({ offered: 30, dropped: 20, inMemory: 10 });
    expect(life.observer.drops).toEqual({ memory_full: 20 });
    await machine.timers.advance(200);
    expect(life.publisher.health()).toBe('unhealthy');
    machine.files.faults.clear();
    life.sink.failure = undefined;
    await machine.timers.advance(60_000);
    expect(life.sink.ids).toEqual([...ids(0, 5), ...ids(25, 30)]);
  });

  it('drops the newest, counted, when the journal has its size', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 10 }, { journal_max_bytes: 20_000 });
    life.sink.failure = new Error('down');
    for (let number = 0; number < 60; number++) {
      recordAll(life, number, number + 1);
      await machine.timers.turn();
    }
    const { journaled, inMemory, dropped } = life.publisher.accounts();
    expect(inMemory).toBe(10);
    expect(life.observer.drops).toEqual({ journal_full: dropped });
    life.sink.failure = undefined;
    await machine.timers.advance(60_000);
    expect(life.sink.ids).toEqual(ids(0, journaled + 10));
    expect(machine.files.files.size).toBeLessThanOrEqual(2);
  });
});

describe('a publisher without a journal (durability: memory)', () => {
  it('gives nothing to wait for and touches no disk while memory suffices', async () => {
    const machine = new Machine();
    const life = machine.start({}, { durability: 'memory' });
    await machine.timers.turn();
    expect(recordAll(life, 0, 3)).toEqual([undefined, undefined, undefined]);
    await machine.timers.advance(100);
    expect(life.sink.ids).toEqual(ids(0, 3));
    expect(machine.files.calls).not.toContain('create');
  });

  it('sends the oldest to the disk when memory is full, and keeps the order, also of the batch on its way', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 10 }, { durability: 'memory' });
    await machine.timers.turn();
    life.sink.hold();
    recordAll(life, 0, 10);
    await machine.timers.turn();
    recordAll(life, 10, 40);
    expect(life.publisher.accounts()).toMatchObject({ offered: 40, dropped: 0 });
    expect(life.publisher.accounts().inMemory).toBeLessThanOrEqual(10);
    life.sink.release();
    await machine.timers.advance(1000);
    expect(life.sink.ids).toEqual(ids(0, 40));
    expect(life.publisher.accounts()).toEqual({ offered: 40, delivered: 40, journaled: 0, dropped: 0, inMemory: 0 });
  });

  it('drops the oldest, counted, when the disk refuses', async () => {
    const machine = new Machine();
    machine.files.faults.set('create', 'EACCES');
    const life = machine.start({ buffer_size: 10 }, { durability: 'memory' });
    life.sink.failure = new Error('down');
    recordAll(life, 0, 25);
    expect(life.observer.drops).toEqual({ memory_full: 15 });
    expect(accountsHold(life.publisher)).toBe(true);
  });
});

describe('after a death', () => {
  it('delivers what was written and not delivered, before what is new', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 20);
    await machine.timers.turn();
    machine.killAll();
    const next = machine.start();
    recordAll(next, 20, 25);
    await machine.timers.turn();
    await machine.timers.advance(1000);
    expect(next.sink.ids).toEqual(ids(0, 25));
    expect(next.publisher.accounts()).toEqual({ offered: 25, delivered: 25, journaled: 0, dropped: 0, inMemory: 0 });
    expect(machine.files.directories.size).toBe(3);
  });

  it('does not deliver again what the cursor says was delivered', async () => {
    const machine = new Machine();
    const life = machine.start();
    recordAll(life, 0, 20);
    await machine.timers.turn();
    await machine.timers.advance(100);
    life.sink.failure = new Error('down');
    recordAll(life, 20, 30);
    await machine.timers.turn();
    machine.killAll();
    const next = machine.start();
    await machine.timers.advance(1000);
    expect(next.sink.ids).toEqual(ids(20, 30));
  });

  it.each([
    ['torn', (bytes: Buffer) => bytes.subarray(0, 7)],
    ['damaged', (bytes: Buffer) => bytes.fill(9)],
  ])('delivers all again when the cursor is %s', async (_name, change) => {
    const machine = new Machine();
    const life = machine.start();
    recordAll(life, 0, 5);
    await machine.timers.turn();
    await machine.timers.advance(100);
    machine.killAll();
    machine.files.damage('cursor', change);
    const next = machine.start();
    await machine.timers.advance(1000);
    expect(next.sink.ids).toEqual(ids(0, 5));
  });

  it('takes over what workers left that do not run any more, and leaves the living alone', async () => {
    const machine = new Machine();
    const dead = machine.start({}, {}, 'two');
    dead.sink.failure = new Error('down');
    recordAll(dead, 0, 5);
    await machine.timers.turn();
    machine.killAll();
    const first = machine.start({}, {}, 'one');
    first.sink.failure = new Error('down');
    recordAll(first, 5, 10);
    await machine.timers.turn();
    const second = machine.start({}, {}, 'two');
    await machine.timers.advance(1000);
    expect(second.sink.ids).toEqual([]);
    first.sink.failure = undefined;
    await machine.timers.advance(60_000);
    expect(first.sink.ids).toEqual(ids(0, 10));
  });

  it('skips the rest of a segment with a damaged record, and counts the segment', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 10);
    await machine.timers.turn();
    machine.killAll();
    machine.files.damage('.seg', (bytes) => {
      bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
      return bytes;
    });
    const next = machine.start();
    await machine.timers.advance(1000);
    const [replay] = next.observer.replays;
    expect(replay).toMatchObject({ damagedSegments: 1, tornTails: 0 });
    expect(next.sink.ids).toEqual(ids(0, replay?.events ?? -1));
    expect(next.sink.ids.length).toBeGreaterThan(2);
    expect(accountsHold(next.publisher)).toBe(true);
  });

  it('counts as dropped what was damaged while the process lived', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 5 });
    life.sink.hold();
    for (let start = 0; start < 50; start += 5) {
      recordAll(life, start, start + 5);
      await machine.timers.turn();
    }
    machine.files.damage('.seg', (bytes) => bytes.fill(0, Math.floor(bytes.length / 2)));
    life.sink.release();
    await machine.timers.advance(60_000);
    const { delivered, dropped, journaled } = life.publisher.accounts();
    expect([delivered + dropped, journaled]).toEqual([50, 0]);
    expect(life.observer.drops).toEqual({ journal_unreadable: dropped });
    expect(life.sink.ids).toEqual(ids(0, delivered));
  });

  it('gives up a segment that cannot be read after three tries', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 5);
    await machine.timers.turn();
    machine.killAll();
    const next = machine.start();
    machine.files.faults.set('readPart', 'EIO');
    await machine.timers.advance(5000);
    expect(next.observer.troubles.filter((operation) => operation === 'read')).toHaveLength(3);
    expect(next.observer.drops).toEqual({ journal_unreadable: 5 });
    expect(accountsHold(next.publisher)).toBe(true);
  });

  it('goes on when the journal of a dead process cannot be taken over or read', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 5);
    await machine.timers.turn();
    machine.killAll();
    machine.files.faults.set('read', 'EIO');
    const unread = machine.start();
    await machine.timers.advance(200);
    expect(unread.observer.troubles).toEqual(['adopt']);
    machine.killAll();
    machine.files.faults.delete('read');
    machine.files.faults.set('rename', 'EROFS');
    const notTaken = machine.start();
    await machine.timers.advance(200);
    expect(notTaken.observer.troubles).toEqual(['adopt']);
    machine.killAll();
    machine.files.faults.clear();
    const last = machine.start();
    await machine.timers.advance(200);
    expect(last.sink.ids).toEqual(ids(0, 5));
  });
});

describe('closing', () => {
  it('delivers all, closes the sink, and leaves no file', async () => {
    const machine = new Machine();
    const life = machine.start();
    recordAll(life, 0, 1200);
    await life.publisher.close(5000);
    expect(life.sink.ids).toEqual(ids(0, 1200));
    expect(life.sink.closed).toBe(true);
    expect([...machine.files.files.keys()]).toEqual([]);
    expect([machine.files.openFiles, machine.timers.armed]).toEqual([0, 0]);
  });

  it('leaves in the journal what cannot be delivered, without waiting, and the next process delivers it', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 20);
    await life.publisher.close(5000);
    expect(machine.clock.monotonic()).toBe(0);
    expect(life.publisher.accounts()).toMatchObject({ journaled: 20, dropped: 0, inMemory: 0 });
    const next = machine.start();
    await machine.timers.advance(1000);
    expect(next.sink.ids).toEqual(ids(0, 20));
  });

  it('brings what is in memory to the disk, where the sink is down (durability: memory)', async () => {
    const machine = new Machine();
    const life = machine.start({}, { durability: 'memory' });
    await machine.timers.turn();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 20);
    await life.publisher.close(5000);
    expect(life.publisher.accounts()).toMatchObject({ journaled: 20, dropped: 0, inMemory: 0 });
  });

  it('ends in time when the sink hangs, with nothing lost', async () => {
    const machine = new Machine();
    const life = machine.start();
    life.sink.hold();
    recordAll(life, 0, 20);
    const closed = life.publisher.close(1000);
    await machine.timers.advance(1000);
    await closed;
    expect(life.publisher.accounts()).toMatchObject({ journaled: 20 });
  });

  it('counts as dropped what neither sink nor disk took, and what is offered afterwards', async () => {
    const machine = new Machine();
    machine.files.faults.set('create', 'EROFS');
    const life = machine.start();
    life.sink.failure = new Error('down');
    recordAll(life, 0, 20);
    const closed = life.publisher.close(1000);
    await machine.timers.advance(1000);
    await closed;
    expect(life.publisher.record(predictionRecord(99))).toBeUndefined();
    expect(life.observer.drops).toEqual({ closed: 21 });
    expect(accountsHold(life.publisher)).toBe(true);
  });
});

describe('a publisher that is not enabled', () => {
  it('takes nothing and counts nothing', async () => {
    const life = new Machine().start({ enabled: false });
    expect(life.publisher.record(predictionRecord(1))).toBeUndefined();
    expect(life.publisher.accounts()).toEqual({ offered: 0, delivered: 0, journaled: 0, dropped: 0, inMemory: 0 });
    expect(life.publisher.health()).toBe('healthy');
    await life.publisher.close(10);
  });

  it('refuses a worker name that is no file name', () => {
    expect(() => new Machine().start({}, {}, '../up')).toThrow(TypeError);
  });
});
