import { errorCodes, type ErrorCode } from '../../shared/errors.js';
import { errorStatus } from '../error-status.js';
import { errorReplyHeaders } from './headers.js';

/** Statuses that HTTP itself has for a request that breaks it; their code is INVALID_REQUEST. */
const protocolStatus: Readonly<Record<number, string>> = {
  408: 'The request took too long to arrive.',
  417: 'Expect asks for something other than 100-continue.',
  431: 'The headers are larger than the limit.',
};

const content = {
  'application/json': { schema: { $ref: '#/components/schemas/Error' } },
  'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDetails' } },
};

const componentName = (status: number) => `Error${status}`;

/** References to the error replies of these statuses and of those that any request may get; each stands once in the components. */
export function errorReplies(statuses: readonly number[]): object {
  const all = withProtocolStatuses(statuses);
  return Object.fromEntries(all.map((status) => [status, { $ref: `#/components/responses/${componentName(status)}` }]));
}

export function errorReplyComponents(): object {
  const statuses = withProtocolStatuses(Object.values(errorStatus));
  return Object.fromEntries(
    statuses
      .sort((a, b) => a - b)
      .map((status) => [
        componentName(status),
        { description: describe(status), headers: errorReplyHeaders(status), content },
      ]),
  );
}

function withProtocolStatuses(statuses: readonly number[]): number[] {
  return [...new Set([...statuses, ...Object.keys(protocolStatus).map(Number)])].sort((a, b) => a - b);
}

function describe(status: number): string {
  const codes = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => errorStatus[code] === status);
  if (codes.length === 0) return protocolStatus[status] ?? '';
  return codes.map((code) => `${code}: ${errorCodes[code].description}.`).join(' ');
}
