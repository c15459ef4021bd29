import { Presets, SingleBar } from 'cli-progress';
import type { Io } from './io.js';

export interface Progress {
  /** Safe to call before the total is known and after `stop`. */
  readonly show: (done: number, total: number) => void;
  readonly stop: () => void;
}

/** A bar on standard error where that is a terminal; else nothing. */
export function progressBar(io: Io, unit: string): Progress {
  if (io.stderr.isTTY !== true) return { show: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      stream: io.stderr,
      format: `{bar} {percentage}% {value}/{total} ${unit}, {eta_formatted} left`,
      clearOnComplete: true,
    },
    Presets.rect,
  );
  let state: 'new' | 'running' | 'stopped' = 'new';
  return {
    show: (done, total) => {
      if (state === 'new') {
        bar.start(total, 0);
        state = 'running';
      }
      if (state === 'running') bar.update(done);
    },
    stop: () => {
      if (state === 'running') bar.stop();
      state = 'stopped';
    },
  };
}
