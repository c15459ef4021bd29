import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';
import { messageOf } from '../../../shared/errors.js';
import { inspectOnnx } from '../../onnx/inspect-onnx.js';
import type { OnnxInspection } from '../../onnx/inspection.js';
import { OnnxFormatError } from '../../onnx/onnx-format-error.js';
import { ModelLoadError } from '../../model-load-error.js';
import type { ModelsOptions } from '../../options.js';
import { compileModel } from '../../compiled/compiled-or-reference.js';
import type { LocalRuntime, RuntimeSource } from '../../runtime-loader.js';
import type { RuntimeObserver } from '../../runtime-observer.js';
import type { Executor } from './executor.js';
import { InlineExecutor } from './inline-executor.js';
import { measure, type Measurement } from './measure.js';
import { observedSignature } from './observed-signature.js';
import { OnnxRuntime } from './onnx-runtime.js';
import { sampleInputs, seededRandom } from './sample-inputs.js';
import { sessionErrorWords, withoutSources } from './session-error-words.js';
import { openSession, type SessionSource } from './session.js';
import { ThreadExecutor } from './thread-executor.js';

export interface OnnxRuntimeOptions extends RuntimeSource {
  readonly options: Pick<ModelsOptions, 'worker_threshold_us'>;
  readonly observer: RuntimeObserver;
  readonly clock: Clock;
  /** Where to run, whatever the model costs. */
  readonly executor?: 'compiled' | 'inline' | 'worker';
}

/** Loading more than this would stop the event loop for long: such a model goes to a worker thread unmeasured on the loop. */
const largestOnLoopBytes = 8 * 1024 * 1024;
/** No made-up run may take longer. */
const measureDeadlineMs = 30_000;

/**
 * Reads, checks and loads a model, measures it with made-up rows, and chooses where it runs.
 * @throws ModelLoadError with everything that stops it from being served
 */
export async function loadOnnxRuntime(options: OnnxRuntimeOptions): Promise<LocalRuntime> {
  const inspection = await inspectFile(options);
  const reference = await new OnnxLoader(options, inspection).load();
  const { executor } = options;
  if (executor === 'inline' || executor === 'worker') return reference;
  const result = await compile(options, inspection, reference);
  if ('runtime' in result) return result.runtime;
  if (executor === undefined) return reference.withReason(result.reason);
  await reference.close();
  throw new ModelLoadError([result.reason]);
}

/**
 * Only a model that was measured can be compiled: one that refuses made-up rows has nothing to be proven with. A large one would stop the
 * event loop meanwhile, as loading it would.
 */
async function compile(options: OnnxRuntimeOptions, { graph, bytes }: OnnxInspection, reference: OnnxRuntime) {
  if (reference.cost === undefined || bytes.length > largestOnLoopBytes)
    return { reason: reference.describe().executor_reason ?? 'not measured' };
  const { name, observer, clock, options: settings, executor } = options;
  const random = seededRandom(2);
  const { signature } = reference;
  const sample = (rows: number) => options.sample?.(signature, rows) ?? sampleInputs(signature.inputs, rows, random);
  const mostRowUs = settings.worker_threshold_us;
  const always = executor === 'compiled';
  return compileModel({ name, graph, reference, sample, random, observer, clock, mostRowUs, always });
}

/** @throws ModelLoadError */
async function inspectFile({ file, folder }: RuntimeSource): Promise<OnnxInspection> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new ModelLoadError([`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`], {
      cause: error,
    });
  }
  try {
    const inspection = await inspectOnnx(bytes, folder);
    if (inspection.problems.length > 0) throw new ModelLoadError(inspection.problems);
    return inspection;
  } catch (error) {
    if (error instanceof OnnxFormatError) throw new ModelLoadError([error.message], { cause: error });
    throw error;
  }
}

/** What the measuring runs showed, or why there were none. */
type Measured = Measurement | { readonly refused: string };

class OnnxLoader {
  readonly #options: OnnxRuntimeOptions;
  readonly #inspection: OnnxInspection;
  readonly #maxRows: number | undefined;

  constructor(options: OnnxRuntimeOptions, inspection: OnnxInspection) {
    this.#options = options;
    this.#inspection = inspection;
    this.#maxRows = inspection.signature.inputs.some((input) => input.dims[0] === 1) ? 1 : undefined;
  }

  async load(): Promise<OnnxRuntime> {
    const { kind, reason } = await this.#firstPlace();
    const executor = await this.#open(kind);
    const measured = await this.#measure(executor);
    const slow = kind === 'inline' && this.#options.executor === undefined ? this.#slowReason(measured) : undefined;
    if (slow === undefined) return this.#assemble(executor, measured, reason);
    await executor.close();
    return this.#assemble(await this.#open('worker'), measured, slow);
  }

  async #firstPlace(): Promise<{ kind: Executor['kind']; reason: string | undefined }> {
    const { executor, folder } = this.#options;
    if (executor === 'inline' || executor === 'worker') return { kind: executor, reason: undefined };
    const bytes = await modelBytes(this.#inspection, folder);
    if (bytes <= largestOnLoopBytes) return { kind: 'inline', reason: undefined };
    return {
      kind: 'worker',
      reason: `the model has ${Math.ceil(bytes / 2 ** 20)} MiB: loading it would stop the event loop`,
    };
  }

  async #open(kind: Executor['kind']): Promise<Executor> {
    const { name, clock, observer, folder } = this.#options;
    const source: SessionSource = { bytes: this.#inspection.bytes, folder };
    try {
      if (kind === 'inline') return new InlineExecutor(await openSession(source));
      return await ThreadExecutor.open({ name, source, clock, observer });
    } catch (error) {
      throw new ModelLoadError([sessionErrorWords(messageOf(error), this.#inspection.graph)], { cause: error });
    }
  }

  /** Made-up rows may be ones that the model refuses (an index beyond its table): then nothing is known of its cost. */
  async #measure(executor: Executor): Promise<Measured> {
    const { signature } = this.#inspection;
    const random = seededRandom(1);
    const outputs = signature.outputs.map((output) => output.name);
    const run = async (rows: number) => {
      const inputs = this.#options.sample?.(signature, rows) ?? sampleInputs(signature.inputs, rows, random);
      const results = await executor.run(inputs, outputs, new Deadline(this.#options.clock, measureDeadlineMs));
      return { outputs: results, microseconds: executor.lastRunUs ?? 0 };
    };
    try {
      return await measure(run, this.#maxRows === 1);
    } catch (error) {
      const { cause } = error as Error;
      return { refused: withoutSources(messageOf(cause ?? error)) };
    }
  }

  #slowReason(measured: Measured): string | undefined {
    if ('refused' in measured) return undefined;
    const oneRowUs = Math.round(measured.cost.perRunUs + measured.cost.perRowUs);
    const limit = this.#options.options.worker_threshold_us;
    return oneRowUs > limit ? `a run of one row takes ${oneRowUs} µs, more than ${limit}` : undefined;
  }

  async #assemble(executor: Executor, measured: Measured, reason: string | undefined): Promise<OnnxRuntime> {
    const { signature: declared, notes } = this.#inspection;
    const maxRows = this.#maxRows;
    if ('refused' in measured) {
      const unmeasured = `not measured, as the model refused made-up rows: ${measured.refused}`;
      return new OnnxRuntime({
        executor,
        signature: declared,
        cost: undefined,
        maxRows,
        notes,
        reason: reason ?? unmeasured,
      });
    }
    const observed = observedSignature(declared, measured.one, measured.many);
    if (observed.signature.outputs.length === 0) {
      await executor.close();
      throw new ModelLoadError(observed.notes);
    }
    const { signature } = observed;
    return new OnnxRuntime({
      executor,
      signature,
      cost: measured.cost,
      maxRows,
      notes: [...notes, ...observed.notes],
      reason,
    });
  }
}

/** The model and its external data, in bytes. */
async function modelBytes({ bytes, graph }: OnnxInspection, folder: string): Promise<number> {
  const locations = new Set(graph.externalData.map((reference) => reference.location));
  const sizes = await Promise.all(
    [...locations].map(async (location) => (await stat(path.join(folder, location))).size),
  );
  return sizes.reduce((sum, size) => sum + size, bytes.length);
}
