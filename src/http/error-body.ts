import { STATUS_CODES } from 'node:http';
import type { ServiceError } from '../shared/errors.js';
import { isoTimestamp } from '../shared/timestamp.js';
import { statusOf } from './error-status.js';
import { jsonContentType, type ReplyContent } from './reply-content.js';

const problemContentType = 'application/problem+json; charset=utf-8';

export interface ErrorOccasion {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  /** The caller's Accept header. */
  readonly accept: string | undefined;
  /** The caller speaks the Open Inference Protocol, which wants the text under `error`. */
  readonly openInference?: boolean;
}

/** The reply to an error: our own body, or the same facts as RFC 9457 for a caller who prefers that. */
export function errorReply(error: ServiceError, occasion: ErrorOccasion): ReplyContent {
  const status = statusOf(error);
  const facts = {
    request_id: occasion.requestId,
    timestamp: isoTimestamp(occasion.timestampMs),
    details: error.details,
  };
  if (!prefersProblem(occasion.accept)) {
    const told = occasion.openInference === true ? { error: error.message } : {};
    const body = { ...told, error_code: error.code, message: error.message, ...facts };
    return { status, contentType: jsonContentType, body: JSON.stringify(body) };
  }
  const title = STATUS_CODES[status] ?? 'Error';
  const body = { type: 'about:blank', title, status, detail: error.message, error_code: error.code, ...facts };
  return { status, contentType: problemContentType, body: JSON.stringify(body) };
}

/** Whether Accept names application/problem+json, and ranks it no lower than application/json (RFC 9110 section 12.5.1). */
export function prefersProblem(accept: string | undefined): boolean {
  if (accept === undefined || !accept.toLowerCase().includes('application/problem+json')) return false;
  const problem = weightOf(accept, 'application/problem+json');
  return problem > 0 && problem >= weightOf(accept, 'application/json');
}

function weightOf(accept: string, mediaType: string): number {
  for (const range of accept.toLowerCase().split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim());
    if (name !== mediaType) continue;
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    return weight === undefined ? 1 : Number(weight.slice(2)) || 0;
  }
  return 0;
}
