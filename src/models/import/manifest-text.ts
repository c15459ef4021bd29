import { stringify } from 'yaml';
import { exampleRow, namedRow } from '../describe/example-row.js';
import type { GraphSignature, TensorSpec } from '../runtime.js';
import type { FeatureSpec } from '../signature.js';

export interface ManifestTextOptions {
  readonly graph: GraphSignature;
  readonly features: readonly FeatureSpec[];
  readonly namesInvented: boolean;
  readonly description?: string | undefined;
  readonly schema?: string | undefined;
}

/** A model.yaml to start from: what the graph says, and hints in comments for what only its author knows. */
export function manifestText(options: ManifestTextOptions): string {
  const { graph, features, schema = 'model.schema.json' } = options;
  const sections = [
    `# yaml-language-server: $schema=${schema}`,
    `# Inputs of the graph:  ${graph.inputs.map(tensorText).join(', ')}`,
    `# Outputs of the graph: ${graph.outputs.map(tensorText).join(', ')}`,
    `description: ${stringify(options.description ?? 'What the model predicts').trim()}`,
    '',
    ...featureLines(features, options.namesInvented),
    '',
    ...predictionHints(graph),
    '',
    '# A row to try the model with. Add `prediction: {…}`, as the training library answered, to make it a golden row: scored',
    '# before the version may answer.',
    'examples:',
    `  - features: ${flow(namedRow(features, exampleRow(features)))}`,
  ];
  return `${sections.join('\n')}\n`;
}

function featureLines(features: readonly FeatureSpec[], namesInvented: boolean): string[] {
  const names = namesInvented ? ['# The graph does not name its columns: give them their names, in this order.'] : [];
  const hints = [
    '# Further keys of a feature: description, min, max, enum, nullable, default, from: <feature view>.<feature>, pii',
  ];
  const lines = features.map(
    ({ name, type, shape }) => `  - ${flow({ name, type, ...(shape !== undefined && { shape }) })}`,
  );
  return [...names, ...hints, 'features:', ...lines];
}

function predictionHints(graph: GraphSignature): string[] {
  const [output] = graph.outputs;
  const answer =
    graph.kind === 'classifier'
      ? '{label, probabilities: {class: p}}, confidence the largest probability'
      : graph.kind === 'regressor'
        ? '{value}'
        : 'one key an output';
  const reading = output === undefined ? '' : `outputs[${JSON.stringify(output.name)}]`;
  const known = graph.classes === undefined ? 'classes' : `classes: ${flow(graph.classes)}`;
  return [
    `# Without \`prediction\` the model answers ${answer}. Otherwise, CEL over the outputs of one row:`,
    '# prediction:',
    `#   score: ${reading}`,
    ...(graph.kind === 'classifier' ? [`# ${known}`] : []),
  ];
}

function tensorText({ name, type, dims }: TensorSpec): string {
  return `${name} ${type}[${dims.map((dim) => dim ?? 'N').join(', ')}]`;
}

function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim();
}
