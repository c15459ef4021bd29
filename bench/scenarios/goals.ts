import type { ContenderName } from '../measure/contenders.js';
import { median } from '../measure/statistics.js';
import type { BenchReport } from './report.js';

/** Goal, wanted, measured, verdict: one line for each goal whose figures the report holds. */
export function goals(report: BenchReport): string[][] {
  const lines = [...saturationGoals(report), ...openLoopGoals(report), ...batchGoals(report), ...otherGoals(report)];
  return lines.filter(({ measured }) => Number.isFinite(measured)).map(lineOf);
}

interface Goal {
  readonly what: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly measured: number;
}

function lineOf({ what, atLeast, atMost, measured }: Goal): string[] {
  const met = measured >= (atLeast ?? -Infinity) && measured <= (atMost ?? Infinity);
  const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  return [what, wanted, measured.toFixed(2), met ? 'met' : 'NOT MET'];
}

const named = <T extends { readonly name: ContenderName }>(all: readonly T[], name: ContenderName): T | undefined =>
  all.find((one) => one.name === name);

function saturationGoals({ saturation }: BenchReport): Goal[] {
  const on = named(saturation, 'ours-on');
  if (on === undefined) return [];
  const ofOther = (name: ContenderName): number => {
    const others = named(saturation, name)?.rpsOfRounds;
    return median(on.rpsOfRounds.map((rps, round) => rps / (others?.[round] ?? NaN)));
  };
  return [
    { what: 'everything on, of the echo', atLeast: 0.65, measured: on.ofEcho.median },
    { what: 'everything on, of everything off', atLeast: 0.8, measured: ofOther('ours-off') },
    { what: 'everything on, of FastAPI', atLeast: 4, measured: ofOther('fastapi-ort') },
    { what: 'start to first right answer, s', atMost: 2, measured: on.startSeconds },
    { what: 'idle PSS, MB', atMost: 150, measured: on.idlePssMb },
  ];
}

function openLoopGoals({ open }: BenchReport): Goal[] {
  return open
    .filter(({ name }) => name === 'ours-on')
    .flatMap(({ rate, p50OfEcho, p99OfEcho }) => [
      { what: `p50 at ${rate}/s, of the echo's`, atMost: 1.5, measured: p50OfEcho },
      { what: `p99 at ${rate}/s, of the echo's`, atMost: 2, measured: p99OfEcho },
    ]);
}

function batchGoals({ batch }: BenchReport): Goal[] {
  const [on, fastapi] = (['ours-on', 'fastapi-ort'] as const).map((name) => named(batch, name));
  const ofFastapi = (on?.rowsPerSecond.median ?? NaN) / (fastapi?.rowsPerSecond.median ?? NaN);
  return [
    { what: 'batch of 256, rows/s of single calls', atLeast: 6, measured: on?.ofSingle ?? NaN },
    { what: "batch of 256, of FastAPI's", atLeast: 5, measured: ofFastapi },
  ];
}

function otherGoals({ overload, isolation, explanations }: BenchReport): Goal[] {
  return [
    ...overload
      .filter(({ name }) => name === 'ours-on')
      .flatMap(({ factor, goodput, leftByRefusals }) => [
        { what: `good answers at ${factor}x capacity`, atLeast: factor > 3 ? 0.8 : 0.9, measured: goodput },
        {
          what: `good answers at ${factor}x, of what refusals leave`,
          atLeast: 0.8,
          measured: goodput / leftByRefusals,
        },
      ]),
    ...isolation.map(({ alone, beside }) => ({
      what: 'p99 of the small model beside the large one, ms more than alone',
      atMost: 3,
      measured: (beside.p99 - alone.p99) / 1000,
    })),
    ...explanations.map(({ ofPlain }) => ({
      what: 'predictions of a model that can be explained, of one that cannot',
      atLeast: 0.98,
      measured: ofPlain.median,
    })),
  ];
}
