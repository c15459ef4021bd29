import type { Tensor, TensorData, TensorMap, TensorType } from '../runtime.js';
import type { TreeEnsemble } from '../trees/tree-ensemble.js';
import type { Precision } from './trees/next-float.js';
import { NotCompiled, widthOf, type Step, type Value } from './value.js';

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

export interface CompiledGraphParts {
  readonly inputs: readonly NamedValue[];
  readonly outputs: readonly NamedValue[];
  readonly steps: readonly Step[];
}

/** A graph as plain functions over the values of one row, run for one row after the other. Not reentrant, and needs not be: it is synchronous. */
export class CompiledGraph {
  readonly #loads: readonly Port[];
  readonly #stores: readonly Port[];
  readonly #steps: readonly Step[];

  constructor({ inputs, outputs, steps }: CompiledGraphParts) {
    this.#loads = inputs.map((input) => new Port(input));
    this.#stores = outputs.map((output) => new Port(output));
    this.#steps = steps;
  }

  /**
   * The outputs of `rows` rows, in tensors of their own.
   * @throws Error for tensors that are not those of the graph, and where the model itself refuses a row (an unknown category)
   */
  run(inputs: TensorMap, rows: number): TensorMap {
    const sources = this.#loads.map((port) => port.dataOf(inputs, rows));
    const outputs: Record<string, Tensor> = {};
    const targets = this.#stores.map((port) => {
      const tensor = port.tensor(rows);
      outputs[port.name] = tensor;
      return tensor.data;
    });
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < sources.length; at++) this.#loads[at]!.load(sources[at]!, row);
      for (const step of this.#steps) step.run();
      for (let at = 0; at < targets.length; at++) this.#stores[at]!.store(targets[at]!, row);
    }
    return outputs;
  }

  /** The largest sum of absolute terms in the row last run: differences that are small beside it are float32 rounding. */
  noise(): number {
    return this.#steps.reduce((most, step) => Math.max(most, step.noise?.() ?? 0), 0);
  }

  /** The tree ensembles in it, each with the input whose columns it compares as they come, if there is one. */
  ensembles(): readonly GraphEnsemble[] {
    return this.#steps.flatMap(({ trees }) => {
      if (trees === undefined) return [];
      const { ensemble, precision, row } = trees;
      return [{ ensemble, precision, input: this.#loads.find((port) => port.fills(row))?.name }];
    });
  }
}

export interface GraphEnsemble {
  readonly ensemble: TreeEnsemble;
  readonly precision: Precision;
  readonly input: string | undefined;
}

type NumberArray = Exclude<TensorData, string[] | BigInt64Array | BigUint64Array>;

/** Moves one value between its tensor and its row. */
class Port {
  readonly name: string;
  readonly #type: TensorType;
  readonly #dims: readonly number[];
  readonly #width: number;
  readonly #value: Value;

  constructor({ name, value }: NamedValue) {
    this.name = name;
    this.#value = value;
    this.#type = value.type;
    this.#width = widthOf(value.dims);
    this.#dims = value.dims.slice(1).map((dim) => dim ?? 1);
  }

  fills(row: Float64Array): boolean {
    return this.#value.numbers === row;
  }

  dataOf(tensors: TensorMap, rows: number): TensorData {
    const tensor = tensors[this.name];
    if (tensor === undefined) throw new Error(`input '${this.name}' is missing`);
    const { type, dims, data } = tensor;
    const fits =
      type === this.#type &&
      dims.length === this.#dims.length + 1 &&
      dims[0] === rows &&
      this.#dims.every((dim, axis) => dims[axis + 1] === dim) &&
      data.length === rows * this.#width;
    if (!fits)
      throw new Error(`input '${this.name}' is ${type} [${dims.join(', ')}], which is not what the model takes`);
    return data;
  }

  tensor(rows: number): Tensor {
    return { type: this.#type, dims: [rows, ...this.#dims], data: this.#allocate(rows * this.#width) };
  }

  load(data: TensorData, row: number): void {
    const { numbers, strings } = this.#value;
    const start = row * this.#width;
    if (this.#type === 'string') for (let at = 0; at < this.#width; at++) strings[at] = (data as string[])[start + at]!;
    else if (data instanceof Float32Array) for (let at = 0; at < this.#width; at++) numbers[at] = data[start + at]!;
    else if (data instanceof BigInt64Array)
      for (let at = 0; at < this.#width; at++) numbers[at] = Number(data[start + at]);
    else for (let at = 0; at < this.#width; at++) numbers[at] = (data as NumberArray)[start + at]!;
  }

  store(data: TensorData, row: number): void {
    const { numbers, strings } = this.#value;
    const start = row * this.#width;
    if (this.#type === 'string') for (let at = 0; at < this.#width; at++) (data as string[])[start + at] = strings[at]!;
    else if (data instanceof Float32Array) for (let at = 0; at < this.#width; at++) data[start + at] = numbers[at]!;
    else if (data instanceof BigInt64Array)
      for (let at = 0; at < this.#width; at++) data[start + at] = BigInt(numbers[at]!);
    else for (let at = 0; at < this.#width; at++) (data as NumberArray)[start + at] = numbers[at]!;
  }

  #allocate(length: number): TensorData {
    switch (this.#type) {
      case 'float32':
        return new Float32Array(length);
      case 'float64':
        return new Float64Array(length);
      case 'int64':
        return new BigInt64Array(length);
      case 'int32':
        return new Int32Array(length);
      case 'bool':
        return new Uint8Array(length);
      case 'string':
        return new Array<string>(length).fill('');
      default:
        throw new NotCompiled(`an output of ${this.#type} is not compiled`);
    }
  }
}
