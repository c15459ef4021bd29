import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import { messageOf, ServiceError } from '../../shared/errors.js';
import type { RowBatcher } from '../batching/types.js';
import type { FeatureCheck } from '../catalogue.js';
import { exampleRow } from '../describe/example-row.js';
import { OnnxFormatError } from '../onnx/onnx-format-error.js';
import { readOnnxGraph } from '../onnx/read-graph.js';
import type { Classes } from '../output/inferred-mapping.js';
import { modelFile } from '../registry/directory-registry.js';
import type { GraphSignature } from '../runtime.js';
import type { FeatureRow, FeatureSpec } from '../signature.js';
import type { RowOutputs, TensorEncoder } from '../tensor-types.js';
import { TreeEnsembleError } from '../trees/tree-ensemble.js';
import type { VersionProblem } from '../version-problem.js';
import { ExactExplainer } from './exact/exact-explainer.js';
import { exactMethod, measuredValues, type ExactMethod } from './exact/exact-method.js';
import type { RowExplainer } from './explanation.js';
import { backgroundFile, readBackground } from './files/background-file.js';
import { explainFile, readExplainFile } from './files/explain-file.js';
import type { ExplainFile } from './files/explain-file-schema.js';
import { ExplanationFault } from './files/explanation-fault.js';
import { MixedColumns } from './graph/column-origins.js';
import { modelColumns, type ModelColumns } from './graph/model-columns.js';
import { agrees } from './graph/score-meaning.js';
import { scoredNode, type ScoredNode } from './graph/scored-node.js';
import { SamplingExplainer } from './sampling/sampling-explainer.js';
import { scoreOutput, type ScoreOutput } from './score-output.js';
import { Unexplained } from './unexplained.js';

export interface ExplainerOptions {
  /** The version's folder; undefined where it has none. */
  readonly folder: string | undefined;
  readonly features: readonly FeatureSpec[];
  readonly checks: readonly FeatureCheck[];
  readonly encoder: TensorEncoder;
  readonly signature: GraphSignature;
  /** Class labels as the caller sees them. */
  readonly classes: Classes | undefined;
  readonly batcher: Pick<RowBatcher<FeatureRow, RowOutputs>, 'submit'>;
  /** An explanation that costs more microseconds leaves the event loop. */
  readonly threadThresholdUs: number;
  readonly clock: Clock;
  /** Told how long a row waited for the thread of its version. */
  readonly waited: (microseconds: number) => void;
}

export interface OpenedExplainer {
  readonly explainer: RowExplainer;
  /** Why a file that is there is of no use: warnings, as the version serves without it. */
  readonly problems: readonly VersionProblem[];
}

const whatToAdd = `add ${explainFile} (python tools/explain_sidecar.py) or ${backgroundFile} to its folder`;
/** Time for running the background rows at load. */
const loadBudgetMs = 30_000;
/** Background rows on which the model is compared with what is explained. */
const comparedRows = 10;

/** Looks for explain.json and background.csv in a version's folder, and makes the best of them. Throws for nothing that they hold. */
export async function openExplainer(options: ExplainerOptions): Promise<OpenedExplainer> {
  const { folder, features, checks } = options;
  if (folder === undefined)
    return { explainer: new Unexplained('it has no folder to hold background.csv'), problems: [] };
  const problems: VersionProblem[] = [];
  const sidecar = await readIfThere(problems, () => readExplainFile(join(folder, explainFile)));
  const background = await readIfThere(problems, () => readBackground(join(folder, backgroundFile), features, checks));
  const [fault] = problems;
  if (sidecar === undefined && background === undefined) {
    return { explainer: new Unexplained(fault === undefined ? whatToAdd : `${fault.file} ${fault.message}`), problems };
  }
  const opening = new ExplainerOpening({ ...options, folder }, problems, background);
  return { explainer: await opening.open(sidecar), problems };
}

/** undefined when there is no such file, or it is of no use. */
async function readIfThere<T>(problems: VersionProblem[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ExplanationFault) problems.push(warning(error.file, error.message));
    else if (!isMissingFile(error)) throw error;
    return undefined;
  }
}

type FolderOptions = ExplainerOptions & { readonly folder: string };

class ExplainerOpening {
  readonly #options: FolderOptions;
  readonly #problems: VersionProblem[];
  readonly #background: readonly FeatureRow[] | undefined;

  constructor(options: FolderOptions, problems: VersionProblem[], background: readonly FeatureRow[] | undefined) {
    this.#options = options;
    this.#problems = problems;
    this.#background = background;
  }

  /** Exact by the sidecar, else exact by the background, else an estimate over the background, else not at all. */
  async open(sidecar: ExplainFile | undefined): Promise<RowExplainer> {
    const output = scoreOutput(this.#options.signature, this.#options.classes);
    if (output === undefined) return this.#none('none of its outputs is a number');
    const exact = await this.#exactOr(sidecar, output);
    if (typeof exact !== 'string') return exact;
    if (sidecar !== undefined) this.#problems.push(warning(explainFile, `is of no use: ${exact}`));
    if (this.#background === undefined) return this.#none(`${exact}: add ${backgroundFile}`);
    return this.#sampling(output, this.#background);
  }

  #none(reason: string): RowExplainer {
    return new Unexplained(reason);
  }

  async #exactOr(sidecar: ExplainFile | undefined, output: ScoreOutput): Promise<RowExplainer | string> {
    try {
      return await this.#exact(sidecar, output);
    } catch (error) {
      if (isReason(error)) return messageOf(error);
      throw error;
    }
  }

  /** Or why not, in words. */
  async #exact(sidecar: ExplainFile | undefined, output: ScoreOutput): Promise<RowExplainer | string> {
    const { folder, features, encoder } = this.#options;
    const bytes = await fileIfThere(join(folder, modelFile));
    if (bytes === undefined) return 'its trees or coefficients are not in its folder';
    const graph = readOnnxGraph(bytes);
    const node = scoredNode(graph);
    if (typeof node === 'string') return node;
    const sample = this.#background?.[0] ?? exampleRow(features);
    const columns = modelColumns({ graph, value: node.node.inputs[0] ?? '', features, encoder, sample });
    if (typeof columns === 'string') return columns;
    const method = this.#method(node, sidecar, columns);
    if (method === undefined) return 'explain.json belongs to another model';
    if (!(await this.#agrees(method, node, { columns, output }))) {
      return 'what the graph answers is not what its trees or coefficients say';
    }
    const values = measuredValues(method, columns.of(sample), this.#options);
    return new ExactExplainer({ ...method, values, meaning: node.meaning, columns, features, output });
  }

  /** By the sidecar where it fits, else by the background. A sidecar that does not fit is told of. */
  #method(node: ScoredNode, sidecar: ExplainFile | undefined, columns: ModelColumns): ExactMethod | undefined {
    const background = () => this.#background?.map((row) => columns.of(row));
    try {
      return exactMethod(node, { sidecar, background });
    } catch (error) {
      if (!(error instanceof ExplanationFault)) throw error;
      this.#problems.push(warning(error.file, error.message));
      return exactMethod(node, { sidecar: undefined, background });
    }
  }

  /** The model's own answers are what the raw scores become: nothing else in the graph has a say. */
  async #agrees(
    { shapley }: ExactMethod,
    { meaning }: ScoredNode,
    { columns, output }: { columns: ModelColumns; output: ScoreOutput },
  ): Promise<boolean> {
    const rows = this.#background?.slice(0, comparedRows) ?? [exampleRow(this.#options.features)];
    const answers = await this.#options.batcher.submit(rows, this.#deadline());
    return answers.every((answer, at) => {
      if (answer instanceof ServiceError) throw answer;
      return agrees(meaning, shapley.scores(columns.of(rows[at] ?? [])), output.read(answer));
    });
  }

  async #sampling(output: ScoreOutput, background: readonly FeatureRow[]): Promise<RowExplainer> {
    const { features, batcher } = this.#options;
    try {
      return await SamplingExplainer.open({ features, background, output, batcher }, this.#deadline());
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const reason = `the model gives no answer to its rows: ${error.message}`;
      this.#problems.push(warning(backgroundFile, reason));
      return this.#none(`${backgroundFile}: ${reason}`);
    }
  }

  #deadline(): Deadline {
    return new Deadline(this.#options.clock, loadBudgetMs);
  }
}

/** What only keeps this graph or these rows from being explained exactly. */
function isReason(error: unknown): boolean {
  const kinds = [MixedColumns, OnnxFormatError, TreeEnsembleError, ServiceError, ExplanationFault];
  return kinds.some((kind) => error instanceof kind);
}

async function fileIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function warning(file: string, message: string): VersionProblem {
  return { file, message, severity: 'warning' };
}
