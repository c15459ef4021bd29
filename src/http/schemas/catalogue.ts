import { Type } from '@sinclair/typebox';
import { enumeration, mapOf, modelId, nullable, ref } from './schema-parts.js';

const states = ['discovered', 'loading', 'warming', 'ready', 'draining', 'gone', 'failed'];

const version = {
  version: Type.String({ example: '1.1.0' }),
  state: enumeration(states),
  reasons: Type.Array(Type.String(), { description: 'Why it is not ready, or what is odd about it.' }),
  aliases: Type.Array(Type.String(), { example: ['production'] }),
  description: Type.Optional(Type.String()),
  runtime: Type.Optional(ref('Runtime')),
  explains: Type.Optional(
    Type.Object(
      { method: Type.Optional(Type.String({ example: 'tree_path_dependent' })), reason: Type.Optional(Type.String()) },
      { description: 'How its predictions are explained, or what to add so that they can be.' },
    ),
  ),
  features: Type.Optional(mapOf(undefined, { description: 'JSON Schema of `features`.' })),
  entities: Type.Optional(
    mapOf(Type.Array(Type.String()), { description: 'The features that each entity supplies from the store.' }),
  ),
  example: Type.Optional(Type.Unsafe({ description: 'A request body that this version answers.' })),
};

export const catalogueSchemas = {
  Runtime: Type.Object({
    runtime: Type.String({ example: 'onnx' }),
    executor: Type.String({ example: 'inline' }),
    executor_reason: Type.Optional(Type.String()),
    cost_per_run_us: Type.Optional(Type.Number()),
    cost_per_row_us: Type.Optional(Type.Number()),
  }),
  ModelVersion: Type.Object(version),
  ModelVersionReply: Type.Object({ model_id: modelId, ...version }),
  Model: Type.Object({
    model_id: modelId,
    versions: Type.Array(ref('ModelVersion')),
    aliases: mapOf(Type.String(), {
      description: 'The version that each alias means.',
      example: { production: '1.1.0' },
    }),
    default_version: nullable(Type.String({ description: 'What answers without model_version; null when none can.' })),
    problems: Type.Array(Type.String(), { description: "What is wrong with the model's folder as a whole." }),
  }),
  ModelList: Type.Object({ models: Type.Array(ref('Model')) }),
};
