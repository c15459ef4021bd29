import type { ContenderName } from '../measure/contenders.js';
import type { Percentiles, Spread } from '../measure/statistics.js';

/** What a run found; `--json` writes it as it is. Rates are right answers a second, latencies µs, memory MB. */
export interface SaturationResult {
  readonly name: ContenderName;
  readonly rps: Spread;
  /** Round by round, so that two servers can be compared within each. */
  readonly rpsOfRounds: readonly number[];
  /** Requests a second over the echo's, round by round. */
  readonly ofEcho: Spread;
  readonly cpuMicroseconds: Spread;
  /** The echo's CPU a request over this one's: steadier than `ofEcho` where the core is shared. */
  readonly cpuOfEcho: Spread;
  readonly bodyBytes: number;
  readonly refusedShare: number;
  readonly startSeconds: number;
  readonly idlePssMb: number;
  readonly idleRssMb: number;
  readonly loadedPssMb: number;
  readonly untrustworthyRuns: number;
}

export interface OpenLoopResult {
  readonly name: ContenderName;
  readonly rate: number;
  readonly latency: Percentiles;
  readonly p50OfEcho: number;
  readonly p99OfEcho: number;
  readonly refusedShare: number;
  readonly cpuMicroseconds: Spread;
  readonly untrustworthyRuns: number;
}

export interface BatchResult {
  readonly name: ContenderName;
  readonly rowsPerSecond: Spread;
  /** Over the rows a second of single calls. */
  readonly ofSingle: number;
  readonly refusedShare: number;
  readonly untrustworthyRuns: number;
}

export interface OverloadResult {
  readonly name: ContenderName;
  /** Requests a second in closed loop. */
  readonly capacity: number;
  readonly factor: number;
  /** Right answers within 100 ms of when they were due, over the capacity. */
  readonly goodput: number;
  readonly refusedShare: number;
  readonly missingShare: number;
  /** CPU of an answer, at the capacity, and of a refusal. */
  readonly answerMicroseconds: number;
  readonly refusalMicroseconds: number;
  /** The share of the capacity that refusals at this cost can leave at most. */
  readonly leftByRefusals: number;
  readonly latencyOk: Percentiles;
  readonly latencyRefused: Percentiles;
  readonly untrustworthyRuns: number;
}

export interface IsolationResult {
  readonly name: ContenderName;
  readonly alone: Percentiles;
  readonly beside: Percentiles;
  readonly slowRps: number;
  readonly untrustworthyRuns: number;
}

/** Predictions without explanation of a model that can be explained, over those of one that cannot. */
export interface ExplanationsResult {
  readonly name: ContenderName;
  readonly ofPlain: Spread;
  /** CPU time a request, the other's over its own. */
  readonly cpuOfPlain: Spread;
  readonly untrustworthyRuns: number;
}

export interface BenchReport {
  saturation: SaturationResult[];
  open: OpenLoopResult[];
  batch: BatchResult[];
  overload: OverloadResult[];
  isolation: IsolationResult[];
  explanations: ExplanationsResult[];
}
