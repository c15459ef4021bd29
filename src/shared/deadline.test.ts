import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callerOf } from '../../test/support/callers.js';
import { ManualClock } from './clock.js';
import { Deadline } from './deadline.js';

describe('Deadline.onEnd', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('tells once when the time is up', () => {
    const action = vi.fn();
    new Deadline(new ManualClock(), 10).onEnd(action);
    vi.advanceTimersByTime(9);
    expect(action).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(action).toHaveBeenCalledTimes(1);
  });

  it('tells once when the caller goes away, and not again when the time is up', () => {
    const leaving = new AbortController();
    const action = vi.fn();
    new Deadline(new ManualClock(), 10, callerOf(leaving.signal)).onEnd(action);
    leaving.abort();
    expect(action).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(100);
    expect(action).toHaveBeenCalledTimes(1);
  });

  it('tells of an end that has been, though not at once', () => {
    const action = vi.fn();
    new Deadline(new ManualClock(), 10_000, callerOf(AbortSignal.abort())).onEnd(action);
    expect(action).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(action).toHaveBeenCalledTimes(1);
  });

  it('tells nothing once that is taken back', () => {
    const leaving = new AbortController();
    const action = vi.fn();
    const stop = new Deadline(new ManualClock(), 10, callerOf(leaving.signal)).onEnd(action);
    stop();
    leaving.abort();
    vi.advanceTimersByTime(100);
    expect(action).not.toHaveBeenCalled();
  });
});
