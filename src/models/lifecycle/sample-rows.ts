import type { FeatureScalar, FeatureValue } from '../../shared/feature-value.js';
import { exampleRow } from '../describe/example-row.js';
import type { RuntimeSource } from '../runtime-loader.js';
import type { FeatureRow, FeatureSpec } from '../signature.js';
import { planVersion, type PlanOptions } from './version-plan.js';

/**
 * Plausible rows of a version, made from the ranges, enums and types of its manifest; the same ones at each start. undefined where manifest and
 * graph do not fit each other, or a made-up value does not fit its tensor.
 */
export function sampleRows(options: Omit<PlanOptions, 'graph'>): NonNullable<RuntimeSource['sample']> {
  const random = new RowRandom(1);
  return (graph, rows) => {
    const plan = planVersion({ ...options, graph }, []);
    if (plan === undefined) return undefined;
    try {
      return plan.encoder.encode(Array.from({ length: rows }, () => random.row(plan.features)));
    } catch {
      // A feature without bounds that its tensor cannot hold: rows are made from the graph's types instead.
      return undefined;
    }
  };
}

/** Values that are usual for a feature of which no bounds are known. */
const usual = { smallest: -2, orders: 5, negative: 0.3, missing: 0.1, example: 0.1 } as const;

class RowRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  row(features: readonly FeatureSpec[]): FeatureRow {
    const example = exampleRow(features);
    return features.map((spec, at) => (this.#next() < usual.example ? (example[at] ?? null) : this.#value(spec)));
  }

  #value(spec: FeatureSpec): FeatureValue {
    if (spec.nullable && this.#next() < usual.missing) return null;
    const count = (spec.shape ?? []).reduce((product, size) => product * size, 1);
    if (spec.shape === undefined) return this.#scalar(spec);
    return nested(
      spec.shape,
      Array.from({ length: count }, () => this.#scalar(spec)),
    );
  }

  #scalar(spec: FeatureSpec): FeatureScalar {
    const { enum: values, type } = spec;
    if (values !== undefined && values.length > 0) return values[Math.floor(this.#next() * values.length)] ?? '';
    if (type === 'boolean') return this.#next() < 0.5;
    if (type === 'string') return 'text';
    return this.#number(spec);
  }

  #number({ min, max, type }: FeatureSpec): number {
    const free = (this.#next() < usual.negative ? -1 : 1) * 10 ** (usual.smallest + this.#next() * usual.orders);
    const low = min ?? -Infinity;
    const high = max ?? Infinity;
    const inside = min !== undefined && max !== undefined ? min + this.#next() * (max - min) : free;
    const whole = type === 'integer' ? Math.round(inside) : inside;
    return Math.min(Math.max(whole, low), high);
  }

  /** mulberry32: numbers in [0, 1). */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
}

function nested(shape: readonly number[], values: readonly FeatureScalar[]): FeatureValue {
  const [size = 0, ...rest] = shape;
  if (rest.length === 0) return values;
  const step = values.length / size;
  return Array.from({ length: size }, (_, at) => nested(rest, values.slice(at * step, (at + 1) * step)));
}
