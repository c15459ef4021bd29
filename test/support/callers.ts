import type { Caller } from '../../src/shared/deadline.js';

/** A caller that goes away when the signal aborts. */
export function callerOf(signal: AbortSignal | undefined): Caller | undefined {
  if (signal === undefined) return undefined;
  return {
    get gone() {
      return signal.aborted;
    },
    cancel: signal,
  };
}
