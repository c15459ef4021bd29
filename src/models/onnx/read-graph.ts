import type { OnnxExternalData, OnnxGraph, OnnxNode, OnnxTensor, OnnxValueInfo } from './graph.js';
import { foreignFormat } from './foreign-format.js';
import { OnnxFormatError } from './onnx-format-error.js';
import { readNode, standardDomain, type NodeVisitor } from './read-node.js';
import { readTensor } from './read-tensor.js';
import { readValueInfo } from './read-value-info.js';
import type { MessageRange } from './repeated-numbers.js';
import { WireReader } from './wire-reader.js';

/** Fields of ModelProto, GraphProto, OperatorSetIdProto, FunctionProto and SparseTensorProto. */
export const modelField = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, functions: 25 } as const;
export const graphField = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  valueInfo: 13,
  sparseInitializer: 15,
} as const;
export const opsetField = { domain: 1, version: 2 } as const;
const functionField = { node: 7, domain: 10 } as const;
const sparseField = { values: 1, indices: 2 } as const;

/** Subgraphs within subgraphs that are followed; protobuf itself stops at 100 messages. */
const maxDepth = 32;

/**
 * Reads the bytes of an ONNX file. Tensors and attributes are decoded when they are asked for.
 * @throws OnnxFormatError not an ONNX file, truncated, without a graph
 */
export function readOnnxGraph(bytes: Uint8Array): OnnxGraph {
  const foreign = foreignFormat(bytes);
  if (foreign !== undefined) throw new OnnxFormatError(foreign);
  return new ModelReader().read(bytes);
}

class ModelReader {
  #irVersion = 0;
  #producer = '';
  #graph: ReadGraph | undefined;
  readonly #opsets: { domain: string; version: number }[] = [];
  readonly #functionDomains: string[] = [];
  readonly #externalData: OnnxExternalData[] = [];
  #depth = 0;
  readonly #visitor: NodeVisitor = {
    tensor: (range) => void this.#tensor(range),
    subgraph: (reader) => this.#subgraph(reader),
  };

  read(bytes: Uint8Array): OnnxGraph {
    try {
      const reader = new WireReader(bytes);
      while (reader.next()) this.#modelField(reader);
    } catch (error) {
      if (error instanceof OnnxFormatError && this.#irVersion === 0 && this.#graph === undefined) {
        throw new OnnxFormatError('is not an ONNX file', { cause: error });
      }
      throw error;
    }
    if (this.#graph === undefined) {
      throw new OnnxFormatError(this.#irVersion === 0 ? 'is not an ONNX file' : 'holds no graph: it may be truncated');
    }
    return this.#assemble(this.#graph);
  }

  #assemble(graph: ReadGraph): OnnxGraph {
    return {
      irVersion: this.#irVersion,
      producer: this.#producer,
      opsets: this.#opsets,
      name: graph.name,
      inputs: graph.inputs.filter((input) => !graph.initializers.has(input.name)),
      outputs: graph.outputs,
      initializers: graph.initializers,
      nodes: graph.nodes,
      externalData: this.#externalData,
      functionDomains: this.#functionDomains,
    };
  }

  #modelField(reader: WireReader): void {
    if (reader.field === modelField.irVersion) this.#irVersion = reader.integer();
    else if (reader.field === modelField.producerName) this.#producer = reader.string();
    else if (reader.field === modelField.opsetImport) this.#opsets.push(readOpset(reader.message()));
    else if (reader.field === modelField.functions) this.#function(reader.message());
    else if (reader.field === modelField.graph) {
      if (this.#graph !== undefined) throw new OnnxFormatError('holds two graphs');
      this.#graph = this.#readGraph(reader.message());
    }
  }

  #readGraph(reader: WireReader): ReadGraph {
    const graph: ReadGraph = { name: '', inputs: [], outputs: [], nodes: [], initializers: new Map() };
    while (reader.next()) {
      if (reader.field === graphField.node) graph.nodes.push(readNode(reader.message(), this.#visitor));
      else if (reader.field === graphField.name) graph.name = reader.string();
      else if (reader.field === graphField.input) graph.inputs.push(readValueInfo(reader.message()));
      else if (reader.field === graphField.output) graph.outputs.push(readValueInfo(reader.message()));
      else if (reader.field === graphField.sparseInitializer) this.#sparse(reader.message());
      else if (reader.field === graphField.initializer) {
        const tensor = this.#tensor(rangeOf(reader));
        graph.initializers.set(tensor.name, tensor);
      }
    }
    return graph;
  }

  #tensor(range: MessageRange): OnnxTensor {
    const { tensor, location } = readTensor(range);
    if (location !== undefined) this.#externalData.push({ tensor: tensor.name, location });
    return tensor;
  }

  #sparse(reader: WireReader): void {
    while (reader.next()) {
      if (reader.field === sparseField.values || reader.field === sparseField.indices) this.#tensor(rangeOf(reader));
    }
  }

  #subgraph(reader: WireReader): void {
    if (++this.#depth > maxDepth) throw new OnnxFormatError(`nests graphs deeper than ${maxDepth}`);
    this.#readGraph(reader);
    this.#depth--;
  }

  #function(reader: WireReader): void {
    while (reader.next()) {
      if (reader.field === functionField.domain) this.#functionDomains.push(standardDomain(reader.string()));
      if (reader.field === functionField.node) readNode(reader.message(), this.#visitor);
    }
  }
}

interface ReadGraph {
  name: string;
  readonly inputs: OnnxValueInfo[];
  readonly outputs: OnnxValueInfo[];
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
}

function rangeOf(reader: WireReader): MessageRange {
  reader.expect(2);
  return { bytes: reader.bytes, start: reader.start, stop: reader.stop };
}

function readOpset(reader: WireReader): { domain: string; version: number } {
  const opset = { domain: '', version: 0 };
  while (reader.next()) {
    if (reader.field === opsetField.domain) opset.domain = standardDomain(reader.string());
    if (reader.field === opsetField.version) opset.version = reader.integer();
  }
  return opset;
}
