import type { Deadline } from '../../shared/deadline.js';
import { messageOf, ServiceError, type Problem } from '../../shared/errors.js';
import type { FeatureValue } from '../../shared/feature-value.js';
import { isPlainObject, pointerStep, type JsonValue } from '../../shared/json.js';
import { notAFeature } from '../manifest/manifest-reader.js';
import type { ManifestExample } from '../manifest/manifest-schema.js';
import type { RowPrediction, ServingVersion } from '../catalogue.js';
import type { FeatureRow } from '../signature.js';

/** Tolerance of a golden row that gives none. */
export const defaultTolerance = 1e-6;

/** How a golden row came out. */
export interface GoldenScore {
  /** Position in `examples`. */
  readonly index: number;
  readonly ok: boolean;
  /** Largest |got - want| / max(1, |want|) of its numbers. */
  readonly worst: number;
  /** What was wrong, in words; absent when ok. */
  readonly message?: string;
}

/** An example as a row of the version: absent features by their defaults. */
export type GoldenRow = { readonly row: FeatureRow } | { readonly problems: readonly string[] };

/** Examples with an expected answer are scored; the others only show a request. */
export function isGolden(example: ManifestExample): boolean {
  return example.prediction !== undefined || example.confidence !== undefined;
}

export function goldenRow(version: ServingVersion, example: ManifestExample): GoldenRow {
  const { features } = version;
  const unknown = Object.keys(example.features).filter((name) => !version.featureIndex.has(name));
  const problems = unknown.map((name) => `${name} ${notAFeature(name, version.featureIndex.keys())}`);
  const row = features.map((spec, index) => {
    const given = Object.hasOwn(example.features, spec.name);
    if (!given && spec.default === undefined) problems.push(`${spec.name} is missing and has no default`);
    const value = given ? example.features[spec.name] : spec.default;
    const wrong = given ? version.checks[index]?.(value, `features${pointerStep(spec.name)}`) : undefined;
    problems.push(...(wrong ?? []).map(problemWords));
    return value as FeatureValue;
  });
  return problems.length > 0 ? { problems } : { row };
}

function problemWords({ path, problem, expected }: Problem): string {
  return `${path}: ${problem}${expected === undefined ? '' : `, expected ${expected}`}`;
}

/** Scores every golden row, each alone and then all in one batch. In order of `examples`. */
export async function scoreGoldenRows(
  version: ServingVersion,
  examples: readonly ManifestExample[],
  deadline: () => Deadline,
): Promise<GoldenScore[]> {
  const scores: GoldenScore[] = [];
  const good: { index: number; example: ManifestExample; row: FeatureRow }[] = [];
  for (const [index, example] of examples.entries()) {
    if (!isGolden(example)) continue;
    const made = goldenRow(version, example);
    if ('problems' in made) scores.push({ index, ok: false, worst: Infinity, message: made.problems.join('; ') });
    else good.push({ index, example, row: made.row });
  }
  for (const { index, example, row } of good) {
    const [result] = await predictAll(version, [row], deadline());
    scores.push(scoreRow(index, example, result));
  }
  const batch =
    good.length < 2
      ? []
      : await predictAll(
          version,
          good.map(({ row }) => row),
          deadline(),
        );
  batch.forEach((result, position) => {
    const golden = good[position];
    if (golden === undefined) return;
    const score = scoreRow(golden.index, golden.example, result);
    const alone = scores.findIndex(({ index }) => index === golden.index);
    if (!score.ok && scores[alone]?.ok === true) scores[alone] = { ...score, message: `in a batch: ${score.message}` };
  });
  return scores.sort((a, b) => a.index - b.index);
}

async function predictAll(version: ServingVersion, rows: readonly FeatureRow[], deadline: Deadline) {
  try {
    return await version.predict(rows, deadline);
  } catch (error) {
    const failure = error instanceof ServiceError ? error : new ServiceError('INTERNAL_ERROR', messageOf(error));
    return rows.map(() => failure);
  }
}

function scoreRow(
  index: number,
  example: ManifestExample,
  result: RowPrediction | ServiceError | undefined,
): GoldenScore {
  if (result === undefined || result instanceof ServiceError) {
    return { index, ok: false, worst: Infinity, message: result?.message ?? 'no answer' };
  }
  const comparison = new Comparison(example.tolerance ?? defaultTolerance);
  if (example.prediction !== undefined) comparison.compare('prediction', result.prediction, example.prediction);
  if (example.confidence !== undefined) comparison.compare('confidence', result.confidence, example.confidence);
  const { worst, differences } = comparison;
  return {
    index,
    ok: differences.length === 0,
    worst,
    ...(differences.length > 0 && { message: differences.join('; ') }),
  };
}

/** Compares what was got with what was wanted: |got - want| ≤ tolerance × max(1, |want|) for numbers, equality for the rest. */
class Comparison {
  worst = 0;
  readonly differences: string[] = [];
  readonly #tolerance: number;

  constructor(tolerance: number) {
    this.#tolerance = tolerance;
  }

  compare(where: string, got: JsonValue | undefined, want: unknown): void {
    if (typeof got === 'number' && typeof want === 'number') this.#compareNumbers(where, got, want);
    else if (Array.isArray(got) && Array.isArray(want)) this.#compareLists(where, got as readonly JsonValue[], want);
    else if (isPlainObject(got) && isPlainObject(want)) this.#compareObjects(where, got, want);
    else if (got !== want) this.#differ(where, got, want);
  }

  #compareNumbers(where: string, got: number, want: number): void {
    const error = Math.abs(got - want) / Math.max(1, Math.abs(want));
    this.worst = Math.max(this.worst, error);
    if (!(error <= this.#tolerance)) {
      this.differences.push(
        `${where} is ${got}, expected ${want} (off by ${error.toExponential(2)}, allowed ${this.#tolerance})`,
      );
    }
  }

  #compareLists(where: string, got: readonly JsonValue[], want: readonly unknown[]): void {
    if (got.length !== want.length) this.#differ(where, got, want);
    else got.forEach((item, index) => this.compare(`${where}[${index}]`, item, want[index]));
  }

  /** Keys that the example leaves out are not compared. */
  #compareObjects(where: string, got: Record<string, JsonValue>, want: Record<string, unknown>): void {
    for (const [key, value] of Object.entries(want)) {
      this.compare(`${where}.${key}`, Object.hasOwn(got, key) ? got[key] : undefined, value);
    }
  }

  #differ(where: string, got: JsonValue | undefined, want: unknown): void {
    this.worst = Infinity;
    this.differences.push(
      `${where} is ${got === undefined ? 'absent' : JSON.stringify(got)}, expected ${JSON.stringify(want)}`,
    );
  }
}
