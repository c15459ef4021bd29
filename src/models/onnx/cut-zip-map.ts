import { onnxElementType, type OnnxGraph, type OnnxNode } from './graph.js';
import { classLabels } from './class-labels.js';
import { graphField, modelField, opsetField } from './read-graph.js';
import { nodeField, standardDomain } from './read-node.js';
import { tensorTypeField, typeField, valueInfoField } from './read-value-info.js';
import { WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

/** An output that was a sequence of maps, and is a tensor [N, classes] of the same name now. */
export interface ZipMapOutput {
  readonly output: string;
  readonly classes: readonly (string | number)[];
}

export interface CutModel {
  readonly bytes: Uint8Array;
  readonly zipMaps: readonly ZipMapOutput[];
}

/** Any version of the standard's operator set has Identity; this one is for models that import no operator set of the standard. */
const standardOpset = 13;

export function isZipMap(node: Pick<OnnxNode, 'opType' | 'domain'>): boolean {
  return node.opType === 'ZipMap' && node.domain === 'ai.onnx.ml';
}

/**
 * onnxruntime cannot hand a sequence of maps to Node.js. Each ZipMap node of the main graph becomes an Identity of the same input
 * and output, and its output's type becomes tensor(float): every name stays. All other bytes of the file are kept.
 * @throws OnnxFormatError
 */
export function cutZipMaps(bytes: Uint8Array, graph: OnnxGraph): CutModel {
  const zipMaps = graph.nodes
    .filter(isZipMap)
    .map((node) => ({ output: node.outputs[0] ?? '', classes: classLabels(node) ?? [] }));
  if (zipMaps.length === 0) return { bytes, zipMaps };
  const names = new Set(zipMaps.map((zipMap) => zipMap.output));
  const model = new WireWriter();
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === modelField.graph) model.bytes(modelField.graph, cutGraph(reader.message(), names));
    else model.raw(wholeField(reader));
  }
  if (!graph.opsets.some((opset) => opset.domain === '')) {
    const opset = new WireWriter().string(opsetField.domain, '').integer(opsetField.version, standardOpset);
    model.bytes(modelField.opsetImport, opset.finish());
  }
  return { bytes: model.finish(), zipMaps };
}

function wholeField(reader: WireReader): Uint8Array {
  return reader.bytes.subarray(reader.fieldStart, reader.stop);
}

function cutGraph(reader: WireReader, names: ReadonlySet<string>): Uint8Array {
  const graph = new WireWriter();
  while (reader.next()) {
    const field = reader.field;
    const replaced =
      field === graphField.node
        ? identityFor(reader.message())
        : field === graphField.output || field === graphField.valueInfo
          ? floatTensorFor(reader.message(), names)
          : undefined;
    if (replaced === undefined) graph.raw(wholeField(reader));
    else graph.bytes(field, replaced);
  }
  return graph.finish();
}

/** The Identity that replaces a ZipMap node; undefined for any other node. */
function identityFor(reader: WireReader): Uint8Array | undefined {
  let opType = '';
  let domain = '';
  const identity = new WireWriter();
  while (reader.next()) {
    if (reader.field === nodeField.opType) opType = reader.string();
    else if (reader.field === nodeField.domain) domain = standardDomain(reader.string());
    else if (reader.field !== nodeField.attribute) identity.raw(wholeField(reader));
  }
  return isZipMap({ opType, domain }) ? identity.string(nodeField.opType, 'Identity').finish() : undefined;
}

/** tensor(float) without a shape for a value that a ZipMap made; undefined for any other value. */
function floatTensorFor(reader: WireReader, names: ReadonlySet<string>): Uint8Array | undefined {
  let name = '';
  while (reader.next()) if (reader.field === valueInfoField.name) name = reader.string();
  if (!names.has(name)) return undefined;
  const tensor = new WireWriter().integer(tensorTypeField.elementType, onnxElementType.float32).finish();
  const type = new WireWriter().bytes(typeField.tensor, tensor).finish();
  return new WireWriter().string(valueInfoField.name, name).bytes(valueInfoField.type, type).finish();
}
