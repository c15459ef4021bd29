import { describe, expect, it } from 'vitest';
import { accountsHold, idsFrom, Machine, recordAll } from '../../test/support/events/publisher-fixture.js';

describe('demand 31: a journal that is full, or a disk that refuses', () => {
  it.each(['ENOSPC', 'EROFS', 'EIO'])(
    '%s: holds events in memory, loses none while they fit, and recovers by itself',
    async (code) => {
      const machine = new Machine();
      const life = machine.start();
      life.sink.failure = new Error('down');
      recordAll(life, 0, 5);
      await machine.timers.turn();
      machine.files.faults.set('append', code);
      const recorded = recordAll(life, 5, 10);
      await machine.timers.turn();
      expect(recorded.settled).toBe(5);
      expect(life.publisher.accounts()).toMatchObject({ journaled: 5, inMemory: 5, dropped: 0 });
      expect(life.observer.troubles).toContain('write');
      expect(life.publisher.health()).toBe('degraded');
      machine.files.faults.delete('append');
      await machine.timers.advance(1000);
      expect(life.publisher.accounts()).toMatchObject({ journaled: 10, inMemory: 0 });
      expect(life.observer.recoveries).toBe(1);
      life.sink.failure = undefined;
      await machine.timers.advance(60_000);
      expect(life.sink.ids).toEqual(idsFrom(0, 10));
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
    expect(next.sink.ids).toEqual(idsFrom(0, 3));
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
    expect(next.sink.ids).toEqual(idsFrom(0, 6));
    expect(next.observer.replays).toEqual([{ events: 6, tornTails: 1, damagedSegments: 0 }]);
  });

  it('starts on a read-only disk, and delivers from memory', async () => {
    const machine = new Machine();
    machine.files.faults.set('makeDirectory', 'EROFS');
    const life = machine.start();
    recordAll(life, 0, 5);
    await machine.timers.turn();
    await machine.timers.advance(100);
    expect(life.sink.ids).toEqual(idsFrom(0, 5));
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
    expect(life.sink.ids).toEqual([...idsFrom(0, 5), ...idsFrom(25, 30)]);
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
    expect(life.sink.ids).toEqual(idsFrom(0, journaled + 10));
    expect(machine.files.files.size).toBeLessThanOrEqual(2);
  });
});
