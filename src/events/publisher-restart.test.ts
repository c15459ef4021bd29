import { describe, expect, it } from 'vitest';
import { accountsHold, idsFrom, Machine, recordAll } from '../../test/support/events/publisher-fixture.js';

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
    expect(next.sink.ids).toEqual(idsFrom(0, 25));
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
    expect(next.sink.ids).toEqual(idsFrom(20, 30));
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
    expect(next.sink.ids).toEqual(idsFrom(0, 5));
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
    expect(first.sink.ids).toEqual(idsFrom(0, 10));
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
    expect(next.sink.ids).toEqual(idsFrom(0, replay?.events ?? -1));
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
    expect(life.sink.ids).toEqual(idsFrom(0, delivered));
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
    expect(last.sink.ids).toEqual(idsFrom(0, 5));
  });
});
