import { Type } from '@sinclair/typebox';
import { enumeration, mapOf } from './schema-parts.js';

export const webhookSchemas = {
  MlflowDelivery: mapOf(undefined, {
    description: 'What MLflow sends. It is signed, but not believed: the registry is asked what is true.',
    example: {
      entity: 'model_version_alias',
      action: 'created',
      timestamp: '2026-01-15T10:30:00+00:00',
      data: { name: 'iris', alias: 'champion', version: '2' },
    },
  }),
  Accepted: Type.Object({ status: enumeration(['accepted']) }),
};
