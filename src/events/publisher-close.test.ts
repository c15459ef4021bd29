import { describe, expect, it } from 'vitest';
import {
  accountsHold,
  idsFrom,
  Machine,
  predictionRecord,
  recordAll,
} from '../../test/support/events/publisher-fixture.js';

describe('closing', () => {
  it('delivers all, closes the sink, and leaves no file', async () => {
    const machine = new Machine();
    const life = machine.start();
    recordAll(life, 0, 1200);
    await life.publisher.close(5000);
    expect(life.sink.ids).toEqual(idsFrom(0, 1200));
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
    expect(next.sink.ids).toEqual(idsFrom(0, 20));
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
