import { WireWriter } from '../../../src/models/onnx/wire-writer.js';

/** An attribute by its kind; integers are non-negative, or -1 as the two's complement that protobuf writes. */
export type AttributeSource =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly texts: readonly string[] }
  | { readonly tensor: TensorSource };

/** Element types: 1 float32, 2 uint8, 7 int64, 8 string, 11 float64. */
export interface TensorSource {
  readonly type: 1 | 2 | 7 | 11;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

export interface NodeSource {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSource>>;
}

export interface ValueSource {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (number | null)[];
}

export interface ModelSource {
  readonly nodes: readonly NodeSource[];
  readonly inputs: readonly ValueSource[];
  readonly outputs: readonly ValueSource[];
  readonly initializers?: Readonly<Record<string, TensorSource>>;
  readonly opset?: number;
  readonly mlOpset?: number;
}

/** The bytes of an ONNX file (field numbers of onnx.proto, IR version 8). */
export function modelBytes({
  nodes,
  inputs,
  outputs,
  initializers = {},
  opset = 15,
  mlOpset = 3,
}: ModelSource): Uint8Array {
  const graph = new WireWriter();
  for (const node of nodes) graph.bytes(1, nodeBytes(node));
  graph.string(2, 'graph');
  for (const [name, tensor] of Object.entries(initializers)) graph.bytes(5, tensorBytes(tensor, name));
  for (const input of inputs) graph.bytes(11, valueBytes(input));
  for (const output of outputs) graph.bytes(12, valueBytes(output));
  const opsetBytes = (domain: string, version: number) =>
    new WireWriter().string(1, domain).integer(2, version).finish();
  return new WireWriter()
    .integer(1, mlOpset >= 5 ? 10 : 8)
    .bytes(7, graph.finish())
    .bytes(8, opsetBytes('', opset))
    .bytes(8, opsetBytes('ai.onnx.ml', mlOpset))
    .finish();
}

function nodeBytes({ op, domain = '', inputs, outputs, attributes = {} }: NodeSource): Uint8Array {
  const node = new WireWriter();
  for (const input of inputs) node.string(1, input);
  for (const output of outputs) node.string(2, output);
  node.string(4, op);
  for (const [name, attribute] of Object.entries(attributes)) node.bytes(5, attributeBytes(name, attribute));
  return node.string(7, domain).finish();
}

function attributeBytes(name: string, source: AttributeSource): Uint8Array {
  const writer = new WireWriter().string(1, name);
  if ('int' in source) writer.integer(3, source.int).integer(20, 2);
  else if ('float' in source)
    writer
      .raw(Uint8Array.of(2 * 8 + 5))
      .raw(littleEndian([source.float], 4))
      .integer(20, 1);
  else if ('text' in source) writer.string(4, source.text).integer(20, 3);
  else if ('tensor' in source) writer.bytes(5, tensorBytes(source.tensor, name)).integer(20, 4);
  else if ('floats' in source) writer.bytes(7, littleEndian(source.floats, 4)).integer(20, 6);
  else if ('ints' in source) {
    for (const value of source.ints) writer.integer(8, value);
    writer.integer(20, 7);
  } else {
    for (const value of source.texts) writer.string(9, value);
    writer.integer(20, 8);
  }
  return writer.finish();
}

function tensorBytes({ type, dims, data }: TensorSource, name: string): Uint8Array {
  const writer = new WireWriter();
  for (const dim of dims) writer.integer(1, dim);
  const raw =
    type === 7
      ? new Uint8Array(BigInt64Array.from(data, BigInt).buffer)
      : type === 2
        ? Uint8Array.from(data)
        : littleEndian(data, type === 1 ? 4 : 8);
  return writer.integer(2, type).string(8, name).bytes(9, raw).finish();
}

function littleEndian(values: readonly number[], size: 4 | 8): Uint8Array {
  return new Uint8Array((size === 4 ? Float32Array.from(values) : Float64Array.from(values)).buffer);
}

function valueBytes({ name, type, dims }: ValueSource): Uint8Array {
  const shape = new WireWriter();
  for (const dim of dims) {
    const one = new WireWriter();
    shape.bytes(1, (dim === null ? one.string(2, 'N') : one.integer(1, dim)).finish());
  }
  const tensor = new WireWriter().integer(1, type).bytes(2, shape.finish()).finish();
  const kind = new WireWriter().bytes(1, tensor).finish();
  return new WireWriter().string(1, name).bytes(2, kind).finish();
}
