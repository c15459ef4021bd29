/** What admission must know of the event loop. Tests inject one that they move by hand. */
export interface LoopProbe {
  /** Milliseconds that the loop has spent waiting for events since the process began. */
  idleMs(): number;
  /** Runs `action` once the socket callbacks of this turn of the loop are done. */
  endOfTurn(action: () => void): void;
}

export const systemLoop: LoopProbe = {
  idleMs: () => performance.eventLoopUtilization().idle,
  endOfTurn: (action) => void setImmediate(action),
};
