import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
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
  it('holds lines until it is flushed, in their order', () => {
    const writer = new Writer();
    const lines = new LogLines(writer, () => undefined);
    lines.write('a\n');
    lines.write('b\n');
    expect(writer.written).toEqual([]);
    lines.flush();
    lines.flush();
    expect(writer.written).toEqual(['a\nb\n']);
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
