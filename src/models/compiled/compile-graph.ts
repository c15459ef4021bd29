import type { OnnxGraph, OnnxNode, OnnxTensor } from '../onnx/graph.js';
import { onnxElementType } from '../onnx/graph.js';
import { OnnxFormatError } from '../onnx/onnx-format-error.js';
import { isZipMap } from '../onnx/cut-zip-map.js';
import type { GraphSignature, TensorSpec, TensorType } from '../runtime.js';
import { TreeEnsembleError } from '../trees/tree-ensemble.js';
import { OperatorCall, type CompiledNode, type OperatorCompiler } from './operator.js';
import { CompiledGraph, type NamedValue } from './compiled-graph.js';
import { elementwise } from './operators/elementwise.js';
import { encoding } from './operators/encoding.js';
import { mlLinear, standardLinear } from './operators/linear.js';
import { mlScaling, standardScaling } from './operators/scaling.js';
import { reductions } from './operators/reduction.js';
import { selection } from './operators/selection.js';
import { shape } from './operators/shape.js';
import { trees } from './operators/trees.js';
import { constantValue, NotCompiled, rowValue, viewOf, type Step, type Value } from './value.js';

const { FeatureVectorizer, ...standardShape } = shape;
const { ArrayFeatureExtractor, ...standardSelection } = selection;

/** The operators that can be compiled, by domain and name. */
const operators: ReadonlyMap<string, OperatorCompiler> = new Map<string, OperatorCompiler>([
  ...Object.entries({
    ...elementwise,
    ...standardShape,
    ...standardSelection,
    ...standardLinear,
    ...standardScaling,
    ...reductions,
  }).map(([name, compile]) => [`/${name}`, compile] as const),
  ...Object.entries({
    ...encoding,
    ...mlLinear,
    ...mlScaling,
    ...trees,
    FeatureVectorizer,
    ArrayFeatureExtractor,
  }).flatMap(([name, compile]) => (compile === undefined ? [] : [[`ai.onnx.ml/${name}`, compile] as const])),
]);

/** What came of trying to compile a graph: a function of rows, or why onnxruntime has to run it. */
export type Compilation = { readonly compiled: CompiledGraph } | { readonly reason: string };

/**
 * Compiles everything between the inputs and outputs of the signature, or nothing: a graph of which one node is unknown is left whole to
 * onnxruntime.
 */
export function compileGraph(graph: OnnxGraph, signature: GraphSignature): Compilation {
  try {
    return { compiled: new GraphCompiler(graph, signature).compile() };
  } catch (error) {
    if (error instanceof NotCompiled) return { reason: error.message };
    if (error instanceof OnnxFormatError || error instanceof TreeEnsembleError)
      return { reason: `not compiled: ${error.message}` };
    throw error;
  }
}

class GraphCompiler {
  readonly #graph: OnnxGraph;
  readonly #signature: GraphSignature;
  readonly #producers = new Map<string, OnnxNode>();
  readonly #values = new Map<string, Value>();
  readonly #steps: Step[] = [];
  readonly #opset: number;

  constructor(graph: OnnxGraph, signature: GraphSignature) {
    this.#graph = graph;
    this.#signature = signature;
    for (const node of graph.nodes) for (const output of node.outputs) this.#producers.set(output, node);
    this.#opset = graph.opsets.find(({ domain }) => domain === '')?.version ?? 1;
  }

  compile(): CompiledGraph {
    if (this.#graph.functionDomains.length > 0)
      throw new NotCompiled('a model with functions of its own is not compiled');
    const inputs = this.#signature.inputs.map((spec) => this.#input(spec));
    const needed = this.#neededNodes();
    // The standard demands that nodes stand in an order in which they can be run.
    for (const node of this.#graph.nodes) if (needed.has(node)) this.#node(node);
    const outputs = this.#signature.outputs.map((spec) => this.#output(spec));
    return new CompiledGraph({ inputs, outputs, steps: this.#steps });
  }

  #input(spec: TensorSpec): NamedValue {
    const [, ...rest] = spec.dims;
    if (spec.dims.length === 0 || rest.includes(null)) throw new NotCompiled(`input '${spec.name}' has no fixed width`);
    if (spec.type === 'float16' || spec.type === 'uint64') throw new NotCompiled(`${spec.type} is not compiled`);
    const value = rowValue(spec.type, [null, ...rest]);
    this.#values.set(spec.name, value);
    return { name: spec.name, value };
  }

  #neededNodes(): ReadonlySet<OnnxNode> {
    const needed = new Set<OnnxNode>();
    const open = this.#signature.outputs.map(({ name }) => name);
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const node = this.#producers.get(name);
      if (node === undefined || needed.has(node)) continue;
      needed.add(node);
      open.push(...node.inputs);
    }
    return needed;
  }

  #node(node: OnnxNode): void {
    // The ZipMap's tensor is what the runtime is given under the ZipMap's name.
    const key = isZipMap(node) ? '/Identity' : `${node.domain}/${node.opType}`;
    const compile = operators.get(key);
    if (compile === undefined) throw new NotCompiled(`${node.opType} is not compiled`);
    const call = new OperatorCall(
      node,
      node.inputs.map((name) => this.#valueOf(name)),
      this.#opset,
    );
    const { outputs, step } = compile(call);
    node.outputs.forEach((name, at) => this.#produce(name, outputs[at], node));
    if (step !== undefined) this.#add(node, { outputs, step });
  }

  #produce(name: string, value: Value | undefined, node: OnnxNode): void {
    if (name === '') return;
    if (value === undefined) throw new NotCompiled(`output '${name}' of ${node.opType} is not compiled`);
    this.#values.set(name, value);
  }

  /** What only constants go into is computed now. */
  #add(node: OnnxNode, { outputs, step }: Required<CompiledNode>): void {
    const inputs = node.inputs.flatMap((name) => this.#valueOf(name) ?? []);
    if (!inputs.every(({ constant }) => constant)) {
      this.#steps.push(step);
      return;
    }
    step.run();
    node.outputs.forEach((name, at) => {
      const value = outputs[at];
      if (value !== undefined) this.#values.set(name, { ...viewOf(value, value.dims), constant: true });
    });
  }

  #valueOf(name: string): Value | undefined {
    if (name === '') return undefined;
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const initializer = this.#graph.initializers.get(name);
    if (initializer === undefined) throw new NotCompiled(`value '${name}' is not compiled`);
    const value = constantOf(initializer);
    this.#values.set(name, value);
    return value;
  }

  #output(spec: TensorSpec): NamedValue {
    const value = this.#valueOf(spec.name);
    if (value === undefined || value.constant || value.dims[0] !== null || value.type !== spec.type) {
      throw new NotCompiled(`output '${spec.name}' is not compiled`);
    }
    return { name: spec.name, value };
  }
}

const types = new Map(Object.entries(onnxElementType).map(([name, number]) => [number as number, name as TensorType]));

function constantOf(tensor: OnnxTensor): Value {
  const type = types.get(tensor.elementType);
  if (tensor.external || type === undefined || type === 'float16') {
    throw new NotCompiled(`constant '${tensor.name}' is not compiled`);
  }
  const data = tensor.data();
  if (type === 'string') return constantValue(type, tensor.dims, [...(data as readonly string[])]);
  return constantValue(type, tensor.dims, Array.from(data as ArrayLike<number | bigint>, Number));
}
