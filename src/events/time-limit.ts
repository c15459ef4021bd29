import type { Timers } from '../shared/timers.js';

/** Settles when `work` does, or when the time is up. */
export async function within(work: Promise<unknown>, milliseconds: number, timers: Timers): Promise<void> {
  let cancel = () => {};
  const timeUp = new Promise<void>((resolve) => (cancel = timers.after(milliseconds, resolve)));
  try {
    await Promise.race([work, timeUp]);
  } finally {
    cancel();
  }
}
