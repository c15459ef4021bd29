import { describe, expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { ManualTimers } from '../../test/support/events/manual-timers.js';
import { MemoryFiles } from '../../test/support/events/memory-files.js';
import { DiskSync } from './disk-sync.js';

function setUp(policy: 'never' | 'interval' | 'always') {
  const files = new MemoryFiles();
  const timers = new ManualTimers(new ManualClock());
  const failures: string[] = [];
  const sync = new DiskSync({ files, policy, timers, onFailure: (reason) => failures.push(reason) });
  return { files, timers, failures, sync };
}

describe('syncing to the disk', () => {
  it('closes a file only after the sync of its last write', async () => {
    const { files, sync, timers, failures } = setUp('always');
    const first = files.create('/one');
    const second = files.create('/two');
    sync.wrote(second);
    const running = sync.written();
    sync.wrote(first);
    sync.retire(first);
    await running;
    expect(files.openFiles).toBe(2);
    await timers.turn();
    expect([files.openFiles, failures]).toEqual([1, []]);
    expect(files.calls.slice(-2)).toEqual(['sync', 'close']);
  });

  it('under never closes at once and syncs nothing', () => {
    const { files, sync } = setUp('never');
    const fd = files.create('/one');
    sync.created('/');
    sync.wrote(fd);
    expect(sync.written()).toBeUndefined();
    sync.retire(fd);
    expect(files.openFiles).toBe(0);
    expect(files.calls).not.toContain('sync');
  });

  it('brings the name of a new file to the disk', async () => {
    const { files, sync } = setUp('always');
    sync.created('/journal');
    sync.wrote(files.create('/journal/one'));
    await sync.written();
    expect(files.calls).toEqual(['create', 'sync', 'syncDirectory']);
  });

  it('settles and reports when the disk fails, also at closing', async () => {
    const { files, sync, failures } = setUp('always');
    const fd = files.create('/one');
    sync.wrote(fd);
    files.faults.set('sync', 'EIO');
    files.faults.set('close', 'EIO');
    await sync.written();
    sync.retire(fd);
    await sync.close();
    expect(failures).toEqual(['EIO', 'EIO']);
  });
});
