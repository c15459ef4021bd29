import { ServiceError, type ErrorCode } from '../shared/errors.js';

/** The HTTP status of each code. Does not compile while a code is missing. */
export const errorStatus: Readonly<Record<ErrorCode, number>> = {
  INVALID_REQUEST: 400,
  FEATURE_VALIDATION_FAILED: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  MODEL_NOT_FOUND: 404,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMIT_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
  INFERENCE_TIMEOUT: 504,
};

/** The request breaks HTTP itself, for which HTTP has a status of its own: 408, 414, 417 or 431. */
export class ProtocolError extends ServiceError {
  readonly status: number;

  constructor(status: number, message: string) {
    super('INVALID_REQUEST', message);
    this.status = status;
  }
}

export function statusOf(error: ServiceError): number {
  return error instanceof ProtocolError ? error.status : errorStatus[error.code];
}
