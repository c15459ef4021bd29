import type { Clock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import type { RunCost } from '../batching/types.js';
import type { OnnxGraph } from '../onnx/graph.js';
import type { TensorMap } from '../runtime.js';
import type { LocalRuntime } from '../runtime-loader.js';
import type { RuntimeObserver, VersionName } from '../runtime-observer.js';
import type { Random } from './boundary-rows.js';
import { compileGraph } from './compile-graph.js';
import type { CompiledGraph } from './compiled-graph.js';
import { CompiledRuntime } from './compiled-runtime.js';
import { proofBatches } from './proof-rows.js';
import { prove } from './prove.js';

/** Time for the proof of one version; what is asked of onnxruntime until then is enough. */
const proofBudgetMs = 300;
/** No single run of the reference takes longer. */
const referenceDeadlineMs = 30_000;
/** Rows that a batch of the measurement holds, and how often each size is timed. */
const measured = { rows: 64, warmUps: 20, repetitions: 10 } as const;

export interface CompileOptions {
  readonly name: VersionName;
  readonly graph: OnnxGraph;
  readonly reference: LocalRuntime;
  readonly sample: (rows: number) => TensorMap;
  readonly random: Random;
  readonly observer: RuntimeObserver;
  readonly clock: Clock;
  /** A row that costs more in microseconds would hold up the event loop. */
  readonly mostRowUs: number;
  /** Compile it whatever it costs. */
  readonly always: boolean;
}

/** The compiled form of a loaded model, if it can be had, is proven and pays; else why not. */
export type CompiledOrReason = { readonly runtime: CompiledRuntime } | { readonly reason: string };

export async function compileModel(options: CompileOptions): Promise<CompiledOrReason> {
  const { graph, reference, sample, random, clock, mostRowUs } = options;
  const compilation = compileGraph(graph, reference.signature);
  if ('reason' in compilation) return compilation;
  const { compiled } = compilation;
  const { signature, maxRows } = reference;
  const { difference } = await prove({
    graph: compiled,
    batches: proofBatches({ graph: compiled, signature, sample, random, maxRows }),
    reference: (inputs, rows) => reference.predictBatch(inputs, rows, new Deadline(clock, referenceDeadlineMs)),
    clock,
    budgetMs: proofBudgetMs,
  });
  if (difference !== undefined) return { reason: `the compiled form is not used, as in its proof ${difference}` };
  const cost = measureCompiled(compiled, sample, maxRows);
  if (cost === undefined) return { reason: 'the compiled form is not used, as made-up rows could not be measured' };
  const own = cost.perRunUs + cost.perRowUs;
  const theirs = reference.cost && reference.cost.perRunUs + reference.cost.perRowUs;
  if (!options.always && (own > mostRowUs || (theirs !== undefined && own > theirs))) {
    return { reason: `the compiled form takes ${own.toFixed(1)} µs a row, which is slower` };
  }
  const mostRows = options.always ? Infinity : cheaperUpTo(cost, reference);
  return { runtime: new CompiledRuntime({ ...options, graph: compiled, cost, mostRows }) };
}

/** Up to how many rows a compiled run is cheaper than one of onnxruntime, which computes rows side by side, on the event loop as well. */
function cheaperUpTo(cost: RunCost, { cost: theirs, offLoop }: LocalRuntime): number {
  if (theirs === undefined || offLoop || theirs.perRowUs >= cost.perRowUs) return Infinity;
  return (theirs.perRunUs - cost.perRunUs) / (cost.perRowUs - theirs.perRowUs);
}

/** Times runs over varying rows; undefined when the model refuses the made-up rows. */
function measureCompiled(
  graph: CompiledGraph,
  sample: (rows: number) => TensorMap,
  maxRows: number | undefined,
): RunCost | undefined {
  const many = Math.min(measured.rows, maxRows ?? measured.rows);
  try {
    const batches = Array.from({ length: 4 }, () => sample(many));
    const singles = Array.from({ length: measured.rows }, () => sample(1));
    for (let at = 0; at < measured.warmUps; at++) for (const batch of batches) graph.run(batch, many);
    const perRowUs = fastestUs(() => batches.forEach((batch) => graph.run(batch, many))) / (batches.length * many);
    const oneUs = fastestUs(() => singles.forEach((single) => graph.run(single, 1))) / singles.length;
    return { perRowUs, perRunUs: Math.max(0, oneUs - perRowUs) };
  } catch {
    // A made-up row that the model itself refuses: its proof has seen to it that both refuse it.
    return undefined;
  }
}

function fastestUs(run: () => void): number {
  let fastest = Infinity;
  for (let at = 0; at < measured.repetitions; at++) {
    const started = performance.now();
    run();
    fastest = Math.min(fastest, performance.now() - started);
  }
  return fastest * 1000;
}
