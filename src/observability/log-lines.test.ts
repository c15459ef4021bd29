import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ManualTimers } from '../../test/support/events/manual-timers.js';
import { ManualClock } from '../shared/clock.js';
import { LogLines } from './log-lines.js';

class Writer extends EventEmitter {
  readonly written: string[] = [];
  flushed = 0;

  write(lines: string): void {
    this.written.push(lines);
  }

  flushSync(): void {
    this.flushed++;
  }
}

describe('LogLines', () => {
  it('holds lines for a moment, in their order, and wakes up for none where there are none', async () => {
    const writer = new Writer();
    const timers = new ManualTimers(new ManualClock());
    const lines = new LogLines(writer, () => undefined, timers);
    expect(timers.armed).toBe(0);
    lines.write('a\n');
    lines.write('b\n');
    expect([writer.written, timers.armed]).toEqual([[], 1]);
    await timers.advance(20);
    expect([writer.written, timers.armed]).toEqual([['a\nb\n'], 0]);
    lines.write('c\n');
    await timers.advance(20);
    expect(writer.written).toEqual(['a\nb\n', 'c\n']);
  });

  it('writes by itself when much is held, and everything when the process ends', () => {
    const writer = new Writer();
    const lines = new LogLines(writer, () => undefined);
    lines.write('x'.repeat(70_000) + '\n');
    expect(writer.written).toHaveLength(1);
    lines.write('last\n');
    lines.flushSync();
    expect(writer.written.at(-1)).toBe('last\n');
    expect(writer.flushed).toBe(1);
  });

  it('counts the lines that its reader was too slow for', () => {
    const writer = new Writer();
    const dropped: number[] = [];
    new LogLines(writer, (lines) => dropped.push(lines));
    writer.emit('drop', 'a\nb\nc\n');
    expect(dropped).toEqual([3]);
  });
});
