import type { OnnxAttribute, OnnxNode } from './graph.js';
import { OnnxFormatError } from './onnx-format-error.js';
import { readerOf, readFixed, readInt64s, readStrings, type MessageRange } from './repeated-numbers.js';
import { readTensor } from './read-tensor.js';
import type { WireReader } from './wire-reader.js';

/** Fields of NodeProto. */
export const nodeField = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const;

/** Fields of AttributeProto. */
const attributeField = {
  name: 1,
  f: 2,
  i: 3,
  s: 4,
  t: 5,
  g: 6,
  floats: 7,
  ints: 8,
  strings: 9,
  tensors: 10,
  graphs: 11,
  type: 20,
} as const;

/** AttributeProto.AttributeType by number. */
const attributeTypes: readonly (OnnxAttribute['type'] | undefined)[] = [
  undefined,
  'float',
  'int',
  'string',
  'tensor',
  'graph',
  'floats',
  'ints',
  'strings',
  'tensors',
];

/** What a node holds beside plain values: told while it is read, so that nothing of the file escapes the checks. */
export interface NodeVisitor {
  tensor(range: MessageRange): void;
  subgraph(reader: WireReader): void;
}

/** @throws OnnxFormatError */
export function readNode(reader: WireReader, visitor: NodeVisitor): OnnxNode {
  const node = { opType: '', domain: '', name: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  while (reader.next()) {
    if (reader.field === nodeField.input) inputs.push(reader.string());
    else if (reader.field === nodeField.output) outputs.push(reader.string());
    else if (reader.field === nodeField.name) node.name = reader.string();
    else if (reader.field === nodeField.opType) node.opType = reader.string();
    else if (reader.field === nodeField.domain) node.domain = standardDomain(reader.string());
    else if (reader.field === nodeField.attribute) {
      const range = { bytes: reader.bytes, start: reader.start, stop: reader.stop };
      reader.expect(2);
      attributes.set(...readAttribute(range, visitor));
    }
  }
  return { ...node, inputs, outputs, attributes };
}

/** `ai.onnx` and the empty text are the same domain. */
export function standardDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function readAttribute(range: MessageRange, visitor: NodeVisitor): [string, OnnxAttribute] {
  let name = '';
  let declared = 0;
  let present = 0;
  const reader = readerOf(range);
  while (reader.next()) {
    if (reader.field === attributeField.name) name = reader.string();
    else if (reader.field === attributeField.type) declared = reader.integer();
    else if (reader.field >= attributeField.f && reader.field <= attributeField.graphs) {
      present = reader.field;
      visit(reader, visitor);
    }
  }
  // Files before IR version 2 have no type: the field that is there tells it, as the numbers run in the same order.
  const type = attributeTypes[declared === 0 ? present - 1 : declared] ?? 'other';
  return [name, new LazyAttribute(type, range) as OnnxAttribute];
}

function visit(reader: WireReader, visitor: NodeVisitor): void {
  if (reader.field === attributeField.t || reader.field === attributeField.tensors) {
    reader.expect(2);
    visitor.tensor({ bytes: reader.bytes, start: reader.start, stop: reader.stop });
  } else if (reader.field === attributeField.g || reader.field === attributeField.graphs) {
    visitor.subgraph(reader.message());
  }
}

/** Reads its value when it is first asked for: a forest's attributes are most of its file, and few are ever looked at. */
class LazyAttribute {
  readonly type: OnnxAttribute['type'];
  readonly #range: MessageRange;
  #value: OnnxAttribute['value'] | undefined;

  constructor(type: OnnxAttribute['type'], range: MessageRange) {
    this.type = type;
    this.#range = range;
  }

  get value(): OnnxAttribute['value'] {
    this.#value ??= this.#read();
    return this.#value;
  }

  #read(): OnnxAttribute['value'] {
    const range = this.#range;
    switch (this.type) {
      case 'floats':
        return new Float32Array(readFixed(range, attributeField.floats, 4).buffer);
      case 'ints':
        return readInt64s(range, attributeField.ints);
      case 'strings':
        return readStrings(range, attributeField.strings);
      case 'tensors':
        return this.#each(attributeField.tensors, (reader) => tensorAt(reader));
      case 'float':
        return this.#last(attributeField.f, (reader) => reader.float(), 0);
      case 'int':
        return this.#last(attributeField.i, (reader) => reader.int64(), 0n);
      case 'string':
        return this.#last(attributeField.s, (reader) => reader.string(), '');
      case 'tensor':
        return this.#last(attributeField.t, (reader) => tensorAt(reader), undefined);
      case 'graph':
      case 'other':
        return null;
    }
  }

  #each<T>(field: number, read: (reader: WireReader) => T): T[] {
    const values: T[] = [];
    const reader = readerOf(this.#range);
    while (reader.next()) if (reader.field === field) values.push(read(reader));
    return values;
  }

  /** Protobuf: the last one wins, and a missing scalar is its zero. */
  #last<T>(field: number, read: (reader: WireReader) => T, zero: T | undefined): T {
    const value = this.#each(field, read).at(-1) ?? zero;
    if (value === undefined) throw new OnnxFormatError('has a tensor attribute without a tensor');
    return value;
  }
}

function tensorAt(reader: WireReader) {
  reader.expect(2);
  return readTensor({ bytes: reader.bytes, start: reader.start, stop: reader.stop }).tensor;
}
