import type { GraphSignature, Tensor, TensorMap } from '../runtime.js';
import { boundaryRows, type Random } from './boundary-rows.js';
import type { CompiledGraph } from './compiled-graph.js';

/** Rows of one proof batch. */
const batchRows = 64;
const sampleBatches = 4;
/** Nodes of each ensemble whose thresholds are tried, at most. */
const boundaryNodes = 1500;

export interface ProofRows {
  readonly graph: CompiledGraph;
  readonly signature: GraphSignature;
  /** Plausible rows: new ones at each call. */
  readonly sample: (rows: number) => TensorMap;
  readonly random: Random;
  /** Rows that a batch may hold at most; absent: any number. */
  readonly maxRows: number | undefined;
}

/** Batches to compare over: plausible rows, rows at every threshold, rows with values that no model expects. */
export function* proofBatches(options: ProofRows): Generator<TensorMap> {
  const rows = options.maxRows ?? batchRows;
  for (let batch = 0; batch < sampleBatches; batch++) yield options.sample(rows);
  for (let batch = 0; batch < sampleBatches; batch++) yield withWildValues(options.sample(rows), options.random);
  yield* boundaryBatches(options, rows);
}

const wildValues = [NaN, Infinity, -Infinity, 0, -0, 1e30, -1e30, 3e38, 1e-40, 1e9, -1e9];

/** The same rows, a third of their floats replaced by values that no model expects. */
function withWildValues(tensors: TensorMap, random: Random): TensorMap {
  const wild: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const { data } = tensor;
    const replace = (value: number) =>
      random() < 0.33 ? (wildValues[Math.floor(random() * wildValues.length)] ?? NaN) : value;
    const floats = data instanceof Float32Array || data instanceof Float64Array;
    wild[name] = floats ? { ...tensor, data: data.map(replace) } : tensor;
  }
  return wild;
}

/** Only ensembles that compare the columns of a float input as they come can be aimed at. */
function* boundaryBatches({ graph, sample, random }: ProofRows, rows: number): Generator<TensorMap> {
  for (const { ensemble, precision, input } of graph.ensembles()) {
    if (input === undefined) continue;
    let batch: Float64Array[] = [];
    for (const row of boundaryRows(ensemble, { precision, limit: boundaryNodes, random })) {
      batch.push(row);
      if (batch.length < rows) continue;
      yield withRows(sample(rows), input, batch);
      batch = [];
    }
    if (batch.length > 0) yield withRows(sample(batch.length), input, batch);
  }
}

function withRows(tensors: TensorMap, input: string, rows: readonly Float64Array[]): TensorMap {
  const tensor = tensors[input];
  if (tensor === undefined || !(tensor.data instanceof Float32Array || tensor.data instanceof Float64Array))
    return tensors;
  const data = tensor.data.slice();
  const width = data.length / rows.length;
  rows.forEach((row, at) => data.set(row, at * width));
  return { ...tensors, [input]: { ...tensor, data } };
}
