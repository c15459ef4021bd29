import { closeSync, openSync, readSync } from 'node:fs';

/** What admission must know of the event loop. Tests inject one that they move by hand. */
export interface LoopProbe {
  /** Milliseconds that the loop has spent waiting for events since the process began. */
  idleMs(): number;
  /** Milliseconds of processor time that the loop's own thread has had; all threads of the process where that is not known. */
  cpuMs(): number;
  /** Runs `action` once the socket callbacks of this turn of the loop are done. */
  endOfTurn(action: () => void): void;
}

/** Of the main thread. `schedstat`: where Linux tells that thread's processor time. */
export function openLoopProbe(schedstat = `/proc/self/task/${process.pid}/schedstat`): LoopProbe {
  return {
    idleMs: () => performance.eventLoopUtilization().idle,
    cpuMs: openThreadTime(schedstat) ?? processMs,
    endOfTurn: (action) => void setImmediate(action),
  };
}

const schedstatBytes = 128;

/**
 * Processor time of one thread alone: models in other threads are no work of the loop, even where they share its only processor. Linux counts it in
 * nanoseconds, the first number of the file (Documentation/scheduler/sched-stats.rst). undefined where no such file can be read, or the kernel
 * keeps no account and says 0.
 */
function openThreadTime(schedstat: string): (() => number) | undefined {
  const file = openIfReadable(schedstat);
  if (file === undefined) return undefined;
  const text = Buffer.alloc(schedstatBytes);
  const milliseconds = (): number => {
    const length = readSync(file, text, 0, schedstatBytes, 0);
    return Number.parseInt(text.toString('latin1', 0, length), 10) / 1e6;
  };
  if (milliseconds() > 0) return milliseconds;
  closeSync(file);
  return undefined;
}

function openIfReadable(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch {
    return undefined;
  }
}

const processMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
