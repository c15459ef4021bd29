/**
 * The closed table of error codes (docs/errors.md is generated from it). The HTTP status of each code lives in
 * `http/error-status.ts`; inside the program only codes travel.
 */
export const errorCodes = {
  INVALID_REQUEST: { description: 'Request validation failed', retriable: false },
  MODEL_NOT_FOUND: { description: 'Requested model not found', retriable: false },
  FEATURE_VALIDATION_FAILED: { description: 'Feature validation failed', retriable: false },
  INFERENCE_TIMEOUT: { description: 'Inference request timed out', retriable: true },
  RATE_LIMIT_EXCEEDED: { description: 'Rate limit exceeded', retriable: true },
  SERVICE_UNAVAILABLE: { description: 'Service temporarily unavailable', retriable: true },
  INTERNAL_ERROR: { description: 'Internal server error', retriable: false },
  UNAUTHORIZED: { description: 'Credentials are missing or not valid', retriable: false },
  FORBIDDEN: { description: 'Credentials lack the scope that this needs', retriable: false },
  NOT_FOUND: { description: 'No such resource', retriable: false },
  METHOD_NOT_ALLOWED: { description: 'The resource does not answer this method', retriable: false },
  PAYLOAD_TOO_LARGE: { description: 'The body is larger than the limit', retriable: false },
  UNSUPPORTED_MEDIA_TYPE: { description: 'The body must be plain JSON in UTF-8', retriable: false },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** One thing wrong with a request. `path` is a JSON Pointer (RFC 6901) into the body; never holds a value that was sent or stored. */
export interface Problem {
  readonly path: string;
  /** Stable, short: `unknown_field`, `missing`, `wrong_type`, `out_of_range`, `not_in_enum`, `wrong_shape`, … */
  readonly problem: string;
  readonly expected?: string;
  readonly received_type?: string;
  readonly did_you_mean?: string;
  /** `store` where the value came from a feature store, not from the caller. */
  readonly origin?: 'store';
}

export interface ErrorDetails {
  readonly errors?: readonly Problem[];
  readonly [fact: string]: unknown;
}

export interface ServiceErrorOptions {
  readonly details?: ErrorDetails;
  /** Whole seconds until a new try makes sense: becomes Retry-After. */
  readonly retryAfterSeconds?: number;
  /** What really happened: for the log, never for the caller. */
  readonly cause?: unknown;
}

/** An error that may be told to a caller: its message and details hold nothing secret. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: ServiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Turns anything thrown into a ServiceError; what is not one becomes INTERNAL_ERROR with a text that gives nothing away. */
export function toServiceError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  return new ServiceError('INTERNAL_ERROR', 'An internal error occurred', { cause: thrown });
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
