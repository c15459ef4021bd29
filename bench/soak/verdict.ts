/** What was found in one minute. */
export interface Window {
  readonly minute: number;
  readonly blip: string;
  readonly heapMb: number;
  readonly rssMb: number;
  readonly handles: Readonly<Record<string, number>>;
  /** Open files and sockets, from /proc. */
  readonly files: number;
  readonly listeners: number;
  /** Milliseconds, of right answers, outside the blip; then within it. */
  readonly p99: number;
  readonly p99InBlip: number;
  readonly answered: number;
  readonly refused: number;
  /** Not what the training library answers, or broken off. */
  readonly wrong: number;
  /** No answer within a second; how many of them in the part with the blip. */
  readonly missing: number;
  readonly missingInBlip: number;
  /** Neither the service nor the load generator had to wait for a core. */
  readonly trustworthy: boolean;
}

export interface Judgement {
  readonly what: string;
  readonly wanted: string;
  readonly found: string;
  /** `unknown`: what was measured does not allow a verdict; `why` says the reason. */
  readonly verdict: 'met' | 'NOT MET' | 'unknown';
  readonly why?: string;
}

const HEAP_PERCENT = 1;
const P99_SLACK = 1.1;
/** Fewer minutes say nothing about a slope of 1 % in ten. */
const MINUTES_OF_A_SLOPE = 10;
const MISSING_SHARE = 0.001;
const NOT_ALONE = 'other programs took the cores';

/** Demand 22. `windows` are the minutes in order, the minute of warming up left out. */
export function judge(windows: readonly Window[]): Judgement[] {
  return [
    heap(windows),
    grows('handles', windows, ({ handles }) => sum(Object.values(handles))),
    grows('open files and sockets', windows, ({ files }) => files),
    grows('listeners', windows, ({ listeners }) => listeners),
    latency(windows),
    answers(windows),
  ];
}

export interface Slope {
  readonly middle: number;
  /** Nineteen of twenty soaks whose samples scatter like these have a true slope above it. */
  readonly low: number;
}

/**
 * Growth of the heap in percent of its median in ten minutes, by Theil and Sen: the median of the slopes between all pairs, which one odd
 * sample does not move; `low` by Kendall's statistic.
 */
export function heapSlope(windows: readonly Window[]): Slope {
  const percent = 1000 / median(windows.map(({ heapMb }) => heapMb));
  const slopes = windows
    .flatMap((early, at) =>
      windows.slice(at + 1).map((late) => ((late.heapMb - early.heapMb) / (late.minute - early.minute)) * percent),
    )
    .sort((one, other) => one - other);
  const count = windows.length;
  const scatter = 1.645 * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18);
  const rank = Math.max(0, Math.floor((slopes.length - scatter) / 2));
  return { middle: median(slopes), low: slopes[rank] ?? NaN };
}

function heap(windows: readonly Window[]): Judgement {
  const { middle, low } = heapSlope(windows);
  const found = `${middle.toFixed(2)} % (surely over ${low.toFixed(2)} %)`;
  const told = { what: 'heap after GC', wanted: `under ${HEAP_PERCENT} % in 10 min`, found };
  if (windows.length < MINUTES_OF_A_SLOPE)
    return { ...told, verdict: 'unknown', why: `needs ${MINUTES_OF_A_SLOPE} minutes` };
  if (middle < HEAP_PERCENT) return { ...told, verdict: 'met' };
  if (low < HEAP_PERCENT) return { ...told, verdict: 'unknown', why: 'samples scatter more than that: soak longer' };
  return { ...told, verdict: 'NOT MET' };
}

/** Compares medians of the first and the last third: what one sample saw by chance is not growth. */
function grows(what: string, windows: readonly Window[], of: (window: Window) => number): Judgement {
  const third = Math.max(1, Math.floor(windows.length / 3));
  const [first, last] = [windows.slice(0, third), windows.slice(-third)].map((some) => median(some.map(of)));
  const verdict = (last ?? 0) <= (first ?? 0) ? 'met' : 'NOT MET';
  return { what, wanted: 'no more than at first', found: `${first} → ${last}`, verdict };
}

function latency(windows: readonly Window[]): Judgement {
  const [first, last] = [windows[0], windows.at(-1)];
  const ratio = (last?.p99 ?? NaN) / (first?.p99 ?? NaN);
  const told = { what: 'p99, last minute of first', wanted: `at most ${P99_SLACK}`, found: ratio.toFixed(2) };
  if (ratio <= P99_SLACK) return { ...told, verdict: 'met' };
  // Of a machine that others use too, only a good figure can be believed.
  if (first?.trustworthy !== true || last?.trustworthy !== true) return { ...told, verdict: 'unknown', why: NOT_ALONE };
  return { ...told, verdict: 'NOT MET' };
}

function answers(windows: readonly Window[]): Judgement {
  const count = (some: readonly Window[], of: (window: Window) => number) => sum(some.map(of));
  const [answered, wrong, missing] = [
    count(windows, (window) => window.answered),
    count(windows, (window) => window.wrong),
    count(windows, (window) => window.missing),
  ];
  const told = {
    what: 'answers',
    wanted: `none wrong, missing at most ${MISSING_SHARE * 100} %`,
    found: `${answered} answers, ${wrong} wrong, ${missing} missing`,
  };
  if (wrong > 0 || answered === 0) return { ...told, verdict: 'NOT MET' };
  const late = windows.filter((window) => window.missing > window.answered * MISSING_SHARE);
  if (late.length === 0) return { ...told, verdict: 'met' };
  // Missing is what took over a second: a machine that takes the service's core away does that too.
  if (late.every(({ trustworthy }) => !trustworthy)) return { ...told, verdict: 'unknown', why: NOT_ALONE };
  return { ...told, verdict: 'NOT MET' };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}
