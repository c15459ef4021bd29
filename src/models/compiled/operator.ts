import { NodeAttributes } from '../onnx/node-attributes.js';
import type { OnnxNode } from '../onnx/graph.js';
import { NotCompiled, type Step, type Value } from './value.js';

export interface CompiledNode {
  readonly outputs: readonly Value[];
  /** Absent: nothing is left to do, the outputs are views of the inputs. */
  readonly step?: Step;
}

/** Compiles one node over the values of its inputs. @throws NotCompiled */
export type OperatorCompiler = (call: OperatorCall) => CompiledNode;

/** A node with the values of its inputs. */
export class OperatorCall {
  readonly node: OnnxNode;
  readonly attributes: NodeAttributes;
  /** Version of the standard's operator set. */
  readonly opset: number;
  readonly #inputs: readonly (Value | undefined)[];

  constructor(node: OnnxNode, inputs: readonly (Value | undefined)[], opset: number) {
    this.node = node;
    this.attributes = new NodeAttributes(node);
    this.opset = opset;
    this.#inputs = inputs;
  }

  get inputs(): readonly Value[] {
    return this.#inputs.map((_, at) => this.input(at));
  }

  input(at: number): Value {
    const value = this.#inputs[at];
    if (value === undefined) throw this.refusal(`without its input ${at}`);
    return value;
  }

  optional(at: number): Value | undefined {
    return this.#inputs[at];
  }

  constant(at: number): Value {
    const value = this.input(at);
    if (!value.constant) throw this.refusal('with computed parameters');
    return value;
  }

  /** An input [N, C] or [N] of numbers. */
  table(at: number): { readonly value: Value; readonly columns: number } {
    const value = this.input(at);
    const { dims } = value;
    if (value.constant || dims[0] !== null || dims.length > 2 || value.type === 'string') {
      throw this.refusal('over anything but rows of numbers');
    }
    return { value, columns: dims[1] ?? 1 };
  }

  /** The elements of a parameter that is a small constant list of integers: input `at`, or the attribute `name`. */
  integers(at: number, name: string): readonly number[] | undefined {
    if (this.optional(at) !== undefined) return [...this.constant(at).numbers];
    return this.attributes.has(name) ? Array.from(this.attributes.int64s(name), Number) : undefined;
  }

  refusal(how: string): NotCompiled {
    return new NotCompiled(`${this.node.opType} ${how} is not compiled`);
  }
}
