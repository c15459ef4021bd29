import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Tensor, TensorData, TensorMap, TensorType } from '../../runtime.js';

/** The exact onnxruntime in use, for messages. */
export const onnxruntimeVersion: string = env.versions.node ?? env.versions.common;

/** A model ready to run. After `release` every call throws. */
export interface OnnxSession {
  /** One run after another on this thread. The tensors given are read before it settles. */
  run(inputs: TensorMap, outputs: readonly string[]): Promise<TensorMap>;
  /** What the last run took in microseconds, undefined before the first. */
  readonly lastRunUs: number | undefined;
  release(): Promise<void>;
}

/** `folder`: where the external data of the model are. */
export interface SessionSource {
  readonly bytes: Uint8Array;
  readonly folder: string;
}

/**
 * One thread, which is the caller's: the runs of tabular models are too short to share. Spinning would burn the cores of others.
 * Severity 4: onnxruntime writes its errors to stderr as well as throwing them.
 */
function sessionOptions(folder: string): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        inter_op: { allow_spinning: '0' },
        model_external_initializers_file_folder_path: folder,
      },
    },
  };
}

/** @throws Error in onnxruntime's words: `sessionErrorWords` turns them into ours */
export async function openSession({ bytes, folder }: SessionSource): Promise<OnnxSession> {
  env.logLevel = 'fatal';
  return new NodeSession(await InferenceSession.create(bytes, sessionOptions(folder)));
}

class NodeSession implements OnnxSession {
  readonly #session: InferenceSession;
  #started = 0;
  lastRunUs: number | undefined;

  constructor(session: InferenceSession) {
    this.#session = session;
  }

  async run(inputs: TensorMap, outputs: readonly string[]): Promise<TensorMap> {
    const feeds: Record<string, OrtTensor> = {};
    for (const [name, tensor] of Object.entries(inputs)) {
      feeds[name] = new OrtTensor(tensor.type as 'float32', tensor.data as Float32Array, tensor.dims);
    }
    // onnxruntime-node computes in a setImmediate of its own; ours stands right before it, so the time is the run's alone.
    setImmediate(() => (this.#started = performance.now()));
    const results = await this.#session.run(feeds, outputs);
    this.lastRunUs = (performance.now() - this.#started) * 1000;
    return fromOrt(results, outputs);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function fromOrt(results: InferenceSession.OnnxValueMapType, outputs: readonly string[]): TensorMap {
  const tensors: Record<string, Tensor> = {};
  for (const name of outputs) {
    const result = results[name];
    if (!(result instanceof OrtTensor)) throw new Error(`output '${name}' is no tensor`);
    tensors[name] = { type: result.type as TensorType, dims: result.dims, data: dataOf(result) };
  }
  return tensors;
}

/** float16 comes as a Float16Array where the engine has one: its bit patterns are what the tensor port holds. */
function dataOf({ type, data }: OrtTensor): TensorData {
  if (type !== 'float16' || data instanceof Uint16Array) return data;
  const view = data as unknown as Uint16Array;
  return new Uint16Array(view.buffer, view.byteOffset, view.length);
}
