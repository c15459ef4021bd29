import { openSync, readSync } from 'node:fs';

/** What admission must know of the event loop. Tests inject one that they move by hand. */
export interface LoopProbe {
  /** Milliseconds that the loop has spent waiting for events since the process began. */
  idleMs(): number;
  /** Milliseconds of processor time that the loop's own thread has had. */
  cpuMs(): number;
  /** Runs `action` once the socket callbacks of this turn of the loop are done. */
  endOfTurn(action: () => void): void;
}

/** To be called in the thread whose loop it is. */
export function openLoopProbe(): LoopProbe {
  return {
    idleMs: () => performance.eventLoopUtilization().idle,
    cpuMs: openThreadTime() ?? processMs,
    endOfTurn: (action) => void setImmediate(action),
  };
}

const schedstatBytes = 128;

/**
 * Processor time of the main thread alone, as Linux counts it (proc_pid_schedstat(5): nanoseconds first); undefined elsewhere. Models in threads
 * are no work of the loop, even where they share its only processor.
 */
function openThreadTime(): (() => number) | undefined {
  const text = Buffer.alloc(schedstatBytes);
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    return () => {
      const length = readSync(file, text, 0, schedstatBytes, 0);
      return Number.parseInt(text.toString('latin1', 0, length), 10) / 1e6;
    };
  } catch {
    return undefined;
  }
}

const processMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
