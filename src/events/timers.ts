/** Where waiting comes from. Tests inject timers that they fire by hand. */
export interface EventTimers {
  /** Runs `action` once after `milliseconds`; the answer cancels it. */
  after(milliseconds: number, action: () => void): () => void;
  /** Runs `action` once the callbacks of this turn of the event loop are done. */
  endOfTurn(action: () => void): void;
}

export const systemTimers: EventTimers = {
  after(milliseconds, action) {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
  // The check phase follows the poll phase at once: every event of one round of socket callbacks is in.
  endOfTurn: (action) => void setImmediate(action),
};
