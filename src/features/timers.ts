/** What repeats in the background. Tests inject one that they fire by hand. */
export interface RepeatTimer {
  /** Calls `work` every `milliseconds` until the returned function is called. Does not keep the process alive. */
  every(milliseconds: number, work: () => void): () => void;
}

export const systemRepeatTimer: RepeatTimer = {
  every(milliseconds, work) {
    const timer = setInterval(work, milliseconds);
    timer.unref();
    return () => clearInterval(timer);
  },
};
