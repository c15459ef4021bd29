import { Type } from '@sinclair/typebox';
import { enumeration, mapOf } from './schema-parts.js';

const service = enumeration(['inference-service']);

export const healthSchemas = {
  Health: Type.Object({ status: enumeration(['healthy']), service }),
  Readiness: Type.Object({
    status: enumeration(['ready', 'degraded', 'not_ready', 'draining']),
    service,
    checks: mapOf(Type.Unsafe({ anyOf: [{ type: 'string' }, { type: 'number' }] }), {
      description: 'State or count of each part.',
      example: { cache: 'healthy', model_server: 'healthy', event_stream: 'healthy' },
    }),
  }),
};
