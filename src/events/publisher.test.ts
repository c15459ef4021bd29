import { describe, expect, it } from 'vitest';
import { eventPublisherContract, type ArrivedEvent } from './event-publisher.contract.js';
import { eventSinkContract } from './event-sink.contract.js';
import { EventsRefusedError } from './event-sink.js';
import {
  accountsHold,
  idsFrom,
  Machine,
  MemorySink,
  predictionRecord,
  recordAll,
} from '../../test/support/events/publisher-fixture.js';

eventPublisherContract('QueuedEventPublisher', ({ durability, bufferSize }) => {
  const machine = new Machine();
  const { files, timers } = machine;
  const life = machine.start({ buffer_size: bufferSize }, { durability });
  const { publisher, observer, sink } = life;
  return {
    ...{ publisher, observer },
    turn: () => timers.turn(),
    wait: () => timers.advance(60_000),
    arrived: () => sink.received.map(({ json }) => JSON.parse(json.toString()) as ArrivedEvent),
    break() {
      for (const operation of ['create', 'append'] as const) files.faults.set(operation, 'ENOSPC');
      sink.failure = new Error('down');
    },
    mend() {
      files.faults.clear();
      sink.failure = undefined;
    },
    cleanUp: () => undefined,
  };
});

eventSinkContract('MemorySink', () => {
  const sink = new MemorySink();
  return Promise.resolve({
    sink,
    received: () => Promise.resolve(sink.received.map(({ json }) => JSON.parse(json.toString()) as unknown)),
    breakOnce() {
      sink.failure = new Error('down');
      return () => Promise.resolve(void (sink.failure = undefined));
    },
    cleanUp: () => sink.close(),
  });
});

describe('a publisher with a journal', () => {
  it('settles all records of a turn by one write, at the end of the turn', async () => {
    const machine = new Machine();
    const life = machine.start();
    const recorded = recordAll(life, 0, 5);
    expect(machine.files.calls).not.toContain('append');
    expect(life.publisher.accounts()).toMatchObject({ offered: 5, inMemory: 5, journaled: 0 });
    await machine.timers.turn();
    expect(recorded.settled).toBe(5);
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
    expect(life.sink.ids).toEqual(idsFrom(0, 20));
    expect(machine.files.calls).not.toContain('readPart');
    expect(life.publisher.accounts()).toEqual({ offered: 20, delivered: 20, journaled: 0, dropped: 0, inMemory: 0 });
  });

  it('delivers at once when 500 wait, in batches of 500 at most', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 10_000 });
    await machine.timers.turn();
    recordAll(life, 0, 1100);
    await machine.timers.turn();
    expect(life.sink.ids).toEqual(idsFrom(0, 1000));
    expect(life.sink.batches).toBe(2);
    await machine.timers.advance(100);
    expect(life.sink.ids).toEqual(idsFrom(0, 1100));
  });

  it('writes more than one time in a turn rather than hold more than buffer_size', async () => {
    const machine = new Machine();
    const life = machine.start({ buffer_size: 10 });
    recordAll(life, 0, 25);
    expect(life.publisher.accounts().inMemory).toBeLessThanOrEqual(10);
    await machine.timers.turn();
    await machine.timers.advance(5000);
    expect(life.sink.ids).toEqual(idsFrom(0, 25));
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
    expect(life.sink.ids).toEqual(idsFrom(0, 100));
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
    expect(life.sink.ids).toEqual(idsFrom(0, 6));
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
    const first = recordAll(life, 0, 3);
    await machine.timers.turn();
    const second = recordAll(life, 3, 6);
    await machine.timers.turn();
    const third = recordAll(life, 6, 9);
    await machine.timers.turn();
    expect([first.settled, second.settled, syncs]).toEqual([0, 0, 1]);
    finish();
    await machine.timers.turn();
    expect([first.settled, second.settled, syncs]).toEqual([3, 0, 2]);
    finish();
    await machine.timers.turn();
    expect([second.settled, third.settled, syncs]).toEqual([3, 3, 2]);
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

describe('a publisher without a journal (durability: memory)', () => {
  it('gives nothing to wait for and touches no disk while memory suffices', async () => {
    const machine = new Machine();
    const life = machine.start({}, { durability: 'memory' });
    await machine.timers.turn();
    expect([0, 1, 2].map((number) => life.publisher.record(predictionRecord(number)))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await machine.timers.advance(100);
    expect(life.sink.ids).toEqual(idsFrom(0, 3));
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
    expect(life.sink.ids).toEqual(idsFrom(0, 40));
    expect(life.publisher.accounts()).toEqual({ offered: 40, delivered: 40, journaled: 0, dropped: 0, inMemory: 0 });
  });

  it('drops the oldest, counted, when the disk refuses', () => {
    const machine = new Machine();
    machine.files.faults.set('create', 'EACCES');
    const life = machine.start({ buffer_size: 10 }, { durability: 'memory' });
    life.sink.failure = new Error('down');
    recordAll(life, 0, 25);
    expect(life.observer.drops).toEqual({ memory_full: 15 });
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
