import type { OnnxGraph } from '../../onnx/graph.js';
import { onnxruntimeVersion } from './session.js';

type Translate = (match: RegExpMatchArray, graph: OnnxGraph) => string;

/** What onnxruntime says when a model cannot be loaded, and what it means for the person who exported it. */
const translations: readonly (readonly [RegExp, Translate])[] = [
  [
    /In Node, \("([^"]*)", .*No Op registered for (\S+) with domain_version of (\d+)/s,
    ([, node, operator, version]) =>
      `node '${node}' uses the operator ${operator}, which operator set ${version} does not have: export the model with another target_opset`,
  ],
  [
    /(\S*?):(\S+)\(-?\d+\) is not a registered function\/op/,
    ([, domain = '', operator = ''], graph) =>
      `${nodeWords(graph, domain, operator)} uses the operator ${operator} of domain '${domain}', which onnxruntime does not have: custom operators cannot be served`,
  ],
  [
    /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    ([, version, supported]) =>
      `the file has IR version ${version}, but onnxruntime ${onnxruntimeVersion} reads up to ${supported}: save it with ir_version=${supported}`,
  ],
  [
    /Opset (\d+) is under development.*official support for domain (\S+) is till opset (\d+)/s,
    ([, version, domain, supported]) =>
      `operator set ${version} of ${domain} is too new for onnxruntime ${onnxruntimeVersion}: export the model with target_opset=${supported} or lower`,
  ],
  [
    /Node input '([^']*)' is not a graph input/,
    ([, input = ''], graph) =>
      `node '${nodeReading(graph, input)}' reads '${input}', which nothing in the graph makes: export the model again`,
  ],
  [/protobuf parsing failed/, () => 'the file is not a whole ONNX model: it may be truncated, copy it again'],
];

/** Says in words why onnxruntime refuses a model; without names of C++ files, functions or paths of this machine. */
export function sessionErrorWords(message: string, graph: OnnxGraph): string {
  for (const [pattern, translate] of translations) {
    const match = message.match(pattern);
    if (match !== null) return translate(match, graph);
  }
  return `onnxruntime ${onnxruntimeVersion} refuses the model: ${withoutSources(message)}`;
}

const longest = 300;

/** `dir/file.cc:202 ns::Class::Function(args) What went wrong` → `What went wrong`; absolute paths are cut out. */
export function withoutSources(message: string): string {
  const words = message
    .replace(
      /\S*\.(?:cc|h|hpp|cpp|cu):\d+\s+(?:[^()\n]*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)(?:\s*const)?|\w+)\s*/g,
      '',
    )
    .replace(/"?(?<![\w.)\]])\/[\w.-]+(?:\/[\w.@+-]+)+"?/g, 'a file')
    .replace(/\bonnxruntime::[\w:]+/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return words.length > longest ? `${words.slice(0, longest)}…` : words;
}

function nodeWords(graph: OnnxGraph, domain: string, operator: string): string {
  const node = graph.nodes.find((candidate) => candidate.opType === operator && candidate.domain === domain);
  return node?.name ? `node '${node.name}'` : 'a node';
}

function nodeReading(graph: OnnxGraph, input: string): string {
  const node = graph.nodes.find((candidate) => candidate.inputs.includes(input));
  return node?.name || node?.opType || 'of a subgraph';
}
