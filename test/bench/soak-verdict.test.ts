import { describe, expect, it } from 'vitest';
import { heapSlope, judge, type Window } from '../../bench/soak/verdict.js';

const calm: Window = {
  ...{ minute: 1, blip: 'none', heapMb: 40, rssMb: 150, handles: { TCPServerWrap: 1 }, files: 30, listeners: 200 },
  ...{
    p99: 10,
    p99InBlip: 20,
    answered: 60_000,
    refused: 0,
    wrong: 0,
    missing: 0,
    missingInBlip: 0,
    trustworthy: true,
  },
};
/** Ten minutes, each as the last but for what `change` says. */
const minutes = (change: (minute: number) => Partial<Window>): Window[] =>
  Array.from({ length: 10 }, (_, at) => ({ ...calm, minute: at + 1, ...change(at + 1) }));
const verdicts = (windows: readonly Window[]) => judge(windows).map(({ verdict }) => verdict);
const failing = (windows: readonly Window[]) =>
  judge(windows)
    .filter(({ verdict }) => verdict === 'NOT MET')
    .map(({ what }) => what);

describe('demand 22: the verdict on a soak', () => {
  it('is good where nothing grows', () => {
    const noise = (minute: number) => ({ heapMb: 40 + (minute % 3) * 0.3, listeners: 200 + (minute % 2) });
    expect(new Set(verdicts(minutes(noise)))).toEqual(new Set(['met']));
  });

  it.each<[string, (minute: number) => Partial<Window>]>([
    ['heap after GC', (minute) => ({ heapMb: 40 + minute * 0.05 })],
    ['handles', (minute) => ({ handles: { TCPServerWrap: 1, TCPSocketWrap: Math.floor(minute / 2) } })],
    ['open files and sockets', (minute) => ({ files: 30 + minute })],
    ['listeners', (minute) => ({ listeners: 200 + minute })],
    ['p99, last minute of first', (minute) => ({ p99: minute === 10 ? 11.5 : 10 })],
    ['answers', (minute) => ({ wrong: minute === 3 ? 1 : 0 })],
    ['answers', (minute) => ({ missing: minute === 3 ? 100 : 0 })],
  ])('is bad for a soak whose %s are not right', (what, change) => {
    expect(failing(minutes(change))).toEqual([what]);
  });

  it('measures the slope in percent of ten minutes, and one odd minute does not move it', () => {
    expect(heapSlope(minutes((minute) => ({ heapMb: 40 + minute * 0.04 }))).middle).toBeCloseTo(0.99, 1);
    expect(heapSlope(minutes((minute) => ({ heapMb: minute === 5 ? 80 : 40 })))).toEqual({ middle: 0, low: 0 });
  });

  it('is left open where the heap scatters more than it may grow', () => {
    const scattered = [40, 42, 39, 41, 43, 39, 42, 40, 44, 41];
    const windows = minutes((minute) => ({ heapMb: scattered[minute - 1]! }));
    expect(judge(windows)[0]).toMatchObject({ what: 'heap after GC', verdict: 'unknown' });
  });

  it('is left open where the machine was not ours, or the time too short', () => {
    const late = minutes(() => ({ trustworthy: false }));
    expect(failing(late.map((window, at) => ({ ...window, p99: 10 + at, missing: 1000 })))).toEqual([]);
    expect(verdicts(minutes(() => ({})).slice(0, 3))).toContain('unknown');
  });
});
