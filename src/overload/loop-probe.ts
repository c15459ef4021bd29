/** What admission must know of the event loop. Tests inject one that they move by hand. */
export interface LoopProbe {
  /** Milliseconds that the loop has spent waiting for events since the process began. */
  idleMs(): number;
  /** Milliseconds of processor time that the process has had, in all its threads. */
  cpuMs(): number;
  /** Runs `action` once the socket callbacks of this turn of the loop are done. */
  endOfTurn(action: () => void): void;
}

export const systemLoop: LoopProbe = {
  idleMs: () => performance.eventLoopUtilization().idle,
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  endOfTurn: (action) => void setImmediate(action),
};
