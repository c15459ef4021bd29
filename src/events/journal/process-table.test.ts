import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { systemProcessTable } from './process-table.js';

describe('the process table', () => {
  const table = systemProcessTable();

  it('knows this process, under a name that fits a file name', () => {
    expect(table.self).toMatch(new RegExp(`^${process.pid}-\\d+-[A-Za-z0-9]+$`));
    expect(table.alive(table.self)).toBe(true);
  });

  it('takes a process of the same number but another start or boot for dead', () => {
    const [pid = '', ticks = '', boot = ''] = table.self.split('-');
    expect(table.alive(`${pid}-${Number(ticks) - 1}-${boot}`)).toBe(false);
    expect(table.alive(`${pid}-${ticks}-0000dead`)).toBe(false);
  });

  it('sees a process die', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const other = table.self.split('-');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(table.alive([child.pid, other[1], other[2]].join('-'))).toBe(false);
  });

  it.each(['', 'closed', '-1-2-3', 'x-1-2', '0-1-2'])('takes %j for nobody', (identity) => {
    expect(table.alive(identity)).toBe(false);
  });
});
