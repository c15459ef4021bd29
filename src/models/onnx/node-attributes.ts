import type { OnnxNode, OnnxTensor } from './graph.js';
import { OnnxFormatError } from './onnx-format-error.js';

interface Values {
  readonly int: bigint;
  readonly float: number;
  readonly string: string;
  readonly tensor: OnnxTensor;
  readonly ints: BigInt64Array;
  readonly floats: Float32Array;
  readonly strings: readonly string[];
}

/** Typed access to the attributes of a node. @throws OnnxFormatError for a wrong type or a number out of range */
export class NodeAttributes {
  readonly #attributes: OnnxNode['attributes'];

  constructor(node: OnnxNode) {
    this.#attributes = node.attributes;
  }

  int(name: string, otherwise: number): number {
    const value = this.#value(name, 'int');
    return value === undefined ? otherwise : Number(value);
  }

  float(name: string, otherwise: number): number {
    return this.#value(name, 'float') ?? otherwise;
  }

  string(name: string, otherwise: string): string {
    return this.#value(name, 'string') ?? otherwise;
  }

  strings(name: string): readonly string[] {
    return this.#value(name, 'strings') ?? [];
  }

  int64s(name: string): BigInt64Array {
    return this.#value(name, 'ints') ?? new BigInt64Array(0);
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  /** Integers that must be indices or flags: 0 … 2^31 - 1. Absent: empty. */
  indices(name: string): Int32Array {
    const values = this.int64s(name);
    return Int32Array.from({ length: values.length }, (_, at) => {
      const value = values[at] ?? -1n;
      if (value < 0n || value > 0x7fffffffn) {
        throw new OnnxFormatError(`${name}[${at}] is ${value}, which is no index`);
      }
      return Number(value);
    });
  }

  /** The float attribute `name`, or the tensor `name_as_tensor` that replaces it where doubles are meant. Absent: empty. */
  numbers(name: string): Float64Array {
    const floats = this.#value(name, 'floats');
    const tensor = this.#value(`${name}_as_tensor`, 'tensor');
    if (floats !== undefined && floats.length > 0 && tensor !== undefined) {
      throw new OnnxFormatError(`${name} is given twice, as floats and as a tensor`);
    }
    return tensor === undefined ? Float64Array.from(floats ?? []) : realNumbers(name, tensor);
  }

  /** A tensor of real numbers. Absent: empty. */
  tensor(name: string): Float64Array {
    const tensor = this.#value(name, 'tensor');
    return tensor === undefined ? new Float64Array(0) : realNumbers(name, tensor);
  }

  #value<Type extends keyof Values>(name: string, type: Type): Values[Type] | undefined {
    const attribute = this.#attributes.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.type !== type) throw new OnnxFormatError(`${name} is of type ${attribute.type}, not ${type}`);
    return attribute.value as Values[Type];
  }
}

function realNumbers(name: string, tensor: OnnxTensor): Float64Array {
  if (tensor.external) throw new OnnxFormatError(`${name} is in another file`);
  const data = tensor.data();
  if (data instanceof Float32Array || data instanceof Float64Array || data instanceof Uint8Array) {
    return Float64Array.from(data);
  }
  throw new OnnxFormatError(`${name} holds no real numbers`);
}

/** @throws OnnxFormatError unless every list has `length` elements; an empty one is allowed where it is `optional` */
export function checkLengths(
  length: number,
  lists: Readonly<Record<string, ArrayLike<unknown>>>,
  optional: readonly string[] = [],
): void {
  for (const [name, list] of Object.entries(lists)) {
    if (list.length === length || (list.length === 0 && optional.includes(name))) continue;
    throw new OnnxFormatError(`${name} has ${list.length} elements, not ${length}`);
  }
}
