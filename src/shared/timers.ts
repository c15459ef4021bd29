/** Where waiting comes from. Tests inject timers that they fire by hand. */
export interface Timers {
  /** Calls `work` every `milliseconds` until the returned function is called. Does not keep the process alive. */
  every(milliseconds: number, work: () => void): () => void;
  /** Runs `action` once after `milliseconds`; the answer cancels it. */
  after(milliseconds: number, action: () => void): () => void;
  /** Runs `action` once the socket callbacks of this turn of the event loop are done. */
  endOfTurn(action: () => void): void;
  /** Runs `action` once the callback that runs now is done, with all promises that it settles. */
  endOfCallback(action: () => void): void;
}

export const systemTimers: Timers = {
  every(milliseconds, work) {
    const timer = setInterval(work, milliseconds).unref();
    return () => clearInterval(timer);
  },
  after(milliseconds, action) {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
  // The check phase follows the poll phase at once: every request and event of one round of socket callbacks is in.
  endOfTurn: (action) => void setImmediate(action),
  // Node takes ticks in turn with promises: one asked for by a promise waits until no promise is left to settle.
  endOfCallback: (action) => process.nextTick(action),
};
