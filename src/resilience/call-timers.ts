/** Where waiting comes from. Tests inject timers that they fire by hand. None of them keeps the process alive. */
export interface CallTimers {
  /** Calls `work` every `milliseconds` until the returned function is called. */
  every(milliseconds: number, work: () => void): () => void;
  /** Runs `action` once after `milliseconds`; the answer cancels it. */
  after(milliseconds: number, action: () => void): () => void;
  /** Runs `action` once the socket callbacks of this turn of the event loop are done. */
  endOfTurn(action: () => void): void;
}
