import { Type } from '@sinclair/typebox';
import { errorCodes } from '../../shared/errors.js';
import { enumeration, ref, requestId, timestamp } from './schema-parts.js';

const details = Type.Unsafe({
  type: 'object',
  description: 'Facts for programs; never a value that was sent or stored.',
  properties: { errors: { type: 'array', items: ref('Problem'), description: 'Every problem at once.' } },
  additionalProperties: true,
});
const errorCode = enumeration(Object.keys(errorCodes));
const message = Type.String({ description: 'For people; may change.' });

/** The one error body of the service, for every path and every refusal, and its RFC 9457 form. */
export const errorSchemas = {
  ErrorCode: errorCode,
  Problem: Type.Object({
    path: Type.String({ description: 'JSON Pointer into the body, or `header <name>`.', example: '/features/age' }),
    problem: Type.String({ example: 'wrong_type' }),
    expected: Type.Optional(Type.String()),
    received_type: Type.Optional(Type.String()),
    did_you_mean: Type.Optional(Type.String()),
    origin: Type.Optional(enumeration(['store'], 'The value came from a feature store.')),
  }),
  RowError: Type.Object({ error_code: ref('ErrorCode'), message, details }),
  Error: Type.Object(
    { error_code: ref('ErrorCode'), message, request_id: requestId, timestamp, details },
    { additionalProperties: false },
  ),
  ProblemDetails: Type.Object(
    {
      type: enumeration(['about:blank']),
      title: Type.String({ description: 'The phrase of the status.' }),
      status: Type.Integer({ minimum: 400, maximum: 599 }),
      detail: message,
      error_code: ref('ErrorCode'),
      request_id: requestId,
      timestamp,
      details,
    },
    { additionalProperties: false, description: 'RFC 9457, for callers who prefer application/problem+json.' },
  ),
};
