import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Operations, TailRequest } from '../app/operations.js';
import { main } from './index.js';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Operations whose `events tail` goes on until it is told to stop, or for ever. */
function tailing(heeds: boolean) {
  let begun: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (begun = resolve));
  const tail = (_config: unknown, { signal }: TailRequest): Promise<void> =>
    new Promise((resolve) => {
      if (heeds) signal.addEventListener('abort', () => resolve());
      begun();
    });
  return { started, operations: () => Promise.resolve({ events: { tail } } as unknown as Operations) };
}

describe('main', () => {
  it('sets the exit code and leaves no signal handler behind', async () => {
    const before = process.listenerCount('SIGTERM');
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await main(['nonsense'], () => Promise.reject(new Error('not used')));
    expect(process.exitCode).toBe(2);
    expect(write).toHaveBeenCalled();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('stops the command at the first signal', async () => {
    const { started, operations } = tailing(true);
    const ended = main(['events', 'tail', '--follow'], operations);
    await started;
    process.emit('SIGTERM', 'SIGTERM');
    await ended;
    expect(process.exitCode).toBe(0);
  });

  it('ends the process at the second', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const { started, operations } = tailing(false);
    void main(['events', 'tail', '--follow'], operations);
    await started;
    process.emit('SIGINT', 'SIGINT');
    expect(exit).not.toHaveBeenCalled();
    process.emit('SIGINT', 'SIGINT');
    expect(exit).toHaveBeenCalledWith(1);
  });

  it('ends quietly when its reader goes away, and not when writing fails otherwise', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const before = process.stdout.listeners('error');
    await main(['config', 'check', '--config', '/dev/null', '--port', 'x', '--json'], () =>
      Promise.reject(new Error('not used')),
    );
    expect(process.exitCode).toBe(1);
    const [listener] = process.stdout.listeners('error').filter((one) => !before.includes(one));
    listener?.(Object.assign(new Error('closed'), { code: 'EPIPE' }));
    expect(exit).toHaveBeenLastCalledWith(0);
    listener?.(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    expect(exit).toHaveBeenLastCalledWith(1);
  });
});
