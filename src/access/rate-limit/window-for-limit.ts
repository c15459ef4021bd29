import { RequestLog } from './request-log.js';
import type { SlidingWindow } from './sliding-window.js';
import { SubWindows } from './sub-windows.js';

/** Limits above this are counted by second instead of by request. */
export const largestExactLimit = 1000;

/** A window for a limit, with the admissions of `earlier` where there is one: it may have been made for a smaller limit. */
export function windowFor(limit: number, earlier?: SlidingWindow): SlidingWindow {
  if (earlier !== undefined && !(earlier instanceof RequestLog && limit > largestExactLimit)) return earlier;
  if (limit <= largestExactLimit) return new RequestLog();
  const counted = new SubWindows();
  if (earlier !== undefined) for (const time of earlier.times()) counted.record(time, 1);
  return counted;
}
