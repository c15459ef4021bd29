import { isDeepStrictEqual } from 'node:util';
import type { Deadline } from '../../../shared/deadline.js';
import { messageOf, ServiceError } from '../../../shared/errors.js';
import type { FeatureValue } from '../../../shared/feature-value.js';
import type { RowBatcher } from '../../batching/types.js';
import type { FeatureRow, FeatureSpec } from '../../signature.js';
import type { RowOutputs } from '../../tensor-types.js';
import {
  dropped,
  outOfTime,
  sorted,
  type Explanation,
  type MissingExplanation,
  type RowExplainer,
} from '../explanation.js';
import type { ScoreOutput } from '../score-output.js';
import { SampleMeans } from './sample-means.js';

/** Rows of one call to the batcher, about: it shares its runs between callers. */
const rowsOfCall = 256;
/** Rows of one explanation at most. */
const maxRows = 20_000;
/** Samples without which there is no standard error to speak of. */
const minSamples = 8;
/** Enough is known when every standard error is below this share of the largest contribution. */
const precision = 0.01;
/** Left for the reply. */
const reserveMs = 5;

export interface SamplingParts {
  readonly features: readonly Pick<FeatureSpec, 'name'>[];
  readonly background: readonly FeatureRow[];
  readonly output: ScoreOutput;
  readonly batcher: Pick<RowBatcher<FeatureRow, RowOutputs>, 'submit'>;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
}

/**
 * An estimate for any model, by permutations (Castro et al. 2009; in antithetic pairs: Mitchell et al. 2022, arXiv:2104.12199): features
 * change one after the other (an array as a whole) from a background row's value to the row's own, and each gets the change of the score. It stops when it is
 * precise enough, when it has cost enough, or when the time is up.
 */
export class SamplingExplainer implements RowExplainer {
  readonly explains = { method: 'sampling' } as const;
  readonly #parts: SamplingParts;
  /** One list of numbers a background row. */
  readonly #scores: readonly (readonly number[])[];
  readonly #random: () => number;

  private constructor(parts: SamplingParts, scores: readonly (readonly number[])[]) {
    this.#parts = parts;
    this.#scores = scores;
    this.#random = parts.random ?? Math.random;
  }

  /** Runs the background rows once. @throws ServiceError when the model refuses one */
  static async open(parts: SamplingParts, deadline: Deadline): Promise<SamplingExplainer> {
    const scores: (readonly number[])[] = [];
    for (let at = 0; at < parts.background.length; at += rowsOfCall) {
      scores.push(...(await answersTo(parts, parts.background.slice(at, at + rowsOfCall), deadline)));
    }
    return new SamplingExplainer(parts, scores);
  }

  async explain(row: FeatureRow, deadline: Deadline): Promise<Explanation | MissingExplanation> {
    try {
      const [answer = []] = await answersTo(this.#parts, [row], deadline);
      const place = this.#placeOf(answer);
      const target = { row, score: answer[place] ?? 0, place };
      const means = await this.#sample(target, deadline);
      if (means === undefined) return dropped(outOfTime);
      return this.#explanation(means, answer, place);
    } catch (error) {
      if (error instanceof ServiceError)
        return dropped(error.code === 'INFERENCE_TIMEOUT' ? outOfTime : messageOf(error));
      throw error;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The second of two classes, the likeliest of more; the first output. */
  #placeOf(answer: readonly number[]): number {
    if (this.#parts.output.kind !== 'classifier') return 0;
    return answer.length === 2 ? 1 : answer.indexOf(Math.max(...answer));
  }

  /** undefined when the time does not suffice for an estimate. */
  async #sample(target: Target, deadline: Deadline): Promise<SampleMeans | undefined> {
    const { features, background } = this.#parts;
    const means = new SampleMeans(features.length);
    // A single feature has all that the score is away from the base: without a sample, and exactly.
    if (features.length === 1) return means;
    const order = this.#shuffled(background.length);
    let slowestMs = 0;
    for (let rows = 0, next = 0; rows < maxRows && !means.preciseTo(precision, minSamples);) {
      const before = deadline.remainingMs();
      if (deadline.cancelled || before < slowestMs + reserveMs) break;
      const walks: Walk[] = [];
      let count = 0;
      while (count < rowsOfCall && walks.length < 2 * rowsOfCall) {
        const walk = this.#walks(target, order[next++ % order.length] ?? 0);
        walks.push(...walk);
        count += walk.reduce((sum, { states }) => sum + states.length, 0);
      }
      await this.#take(walks, target, means, deadline);
      rows += Math.max(count, walks.length);
      slowestMs = Math.max(slowestMs, before - deadline.remainingMs());
    }
    return means.samples < minSamples ? undefined : means;
  }

  /** A permutation and its reverse over the features in which the two rows differ. */
  #walks({ row }: Target, background: number): readonly Walk[] {
    const other = this.#parts.background[background] ?? [];
    const differing = this.#shuffled(row.length).filter((at) => !same(row[at], other[at]));
    return [differing, differing.toReversed()].map((order) => {
      const mixture = [...other];
      const states = order.slice(0, -1).map((at) => {
        mixture[at] = row[at] ?? null;
        return [...mixture];
      });
      return { background, order, states };
    });
  }

  async #take(walks: readonly Walk[], { score, place }: Target, means: SampleMeans, deadline: Deadline): Promise<void> {
    const rows = walks.flatMap(({ states }) => states);
    const answers = rows.length === 0 ? [] : await answersTo(this.#parts, rows, deadline);
    let at = 0;
    for (const [number, { background, order, states }] of walks.entries()) {
      const steps = states.map((_, step) => answers[at + step]?.[place] ?? 0);
      const way = [this.#scores[background]?.[place] ?? 0, ...steps, score];
      at += states.length;
      order.forEach((feature, step) => means.add(feature, ((way[step + 1] ?? 0) - (way[step] ?? 0)) / 2));
      // A pair is one sample.
      if (number % 2 === 1) means.endSample();
    }
  }

  #explanation(means: SampleMeans, answer: readonly number[], place: number): Explanation {
    const { features, output } = this.#parts;
    const baseValue = this.#scores.reduce((sum, scores) => sum + (scores[place] ?? 0), 0) / this.#scores.length;
    const values = means.addingUpTo((answer[place] ?? 0) - baseValue);
    const contributions = features.map(({ name }, index) => ({
      feature: name,
      index,
      contribution: values[index] ?? 0,
      standardError: means.standardErrorOf(index),
    }));
    return {
      method: 'sampling',
      output: output.name(place, answer.length),
      scale: output.kind === 'classifier' ? 'probability' : 'value',
      baseValue,
      contributions: sorted(contributions),
    };
  }

  #shuffled(count: number): number[] {
    const order = Array.from({ length: count }, (_, at) => at);
    for (let at = count - 1; at > 0; at--) {
      const other = Math.floor(this.#random() * (at + 1));
      [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
    }
    return order;
  }
}

/** The row that is explained, its score, and the class or output that the score is of. */
interface Target {
  readonly row: FeatureRow;
  readonly score: number;
  readonly place: number;
}

/** The way from a background row to the row: the features in the order in which they change, and the rows between. */
interface Walk {
  readonly background: number;
  readonly order: readonly number[];
  readonly states: readonly FeatureRow[];
}

/** Arrays are equal element by element, nested or flat. */
function same(one: FeatureValue | undefined, other: FeatureValue | undefined): boolean {
  return Array.isArray(one) && Array.isArray(other)
    ? isDeepStrictEqual(one.flat(Infinity), other.flat(Infinity))
    : one === other;
}

async function answersTo({ batcher, output }: SamplingParts, rows: readonly FeatureRow[], deadline: Deadline) {
  const results = await batcher.submit(rows, deadline);
  return results.map((result) => {
    if (result instanceof ServiceError) throw result;
    return output.read(result);
  });
}
