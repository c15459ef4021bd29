import { Metadata, status, type ServiceError as GrpcError } from '@grpc/grpc-js';
import { toServiceError, type ErrorCode } from '../shared/errors.js';

/** The status of each code (google.rpc.Code). Does not compile while a code is missing. */
const statusOf: Readonly<Record<ErrorCode, status>> = {
  INVALID_REQUEST: status.INVALID_ARGUMENT,
  MODEL_NOT_FOUND: status.NOT_FOUND,
  FEATURE_VALIDATION_FAILED: status.INVALID_ARGUMENT,
  INFERENCE_TIMEOUT: status.DEADLINE_EXCEEDED,
  RATE_LIMIT_EXCEEDED: status.RESOURCE_EXHAUSTED,
  SERVICE_UNAVAILABLE: status.UNAVAILABLE,
  INTERNAL_ERROR: status.INTERNAL,
  UNAUTHORIZED: status.UNAUTHENTICATED,
  FORBIDDEN: status.PERMISSION_DENIED,
  NOT_FOUND: status.NOT_FOUND,
  METHOD_NOT_ALLOWED: status.UNIMPLEMENTED,
  PAYLOAD_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  UNSUPPORTED_MEDIA_TYPE: status.INVALID_ARGUMENT,
};

/** The error of a call, for anything thrown. The code of the service's own table is in the trailer `error-code`. */
export function grpcError(thrown: unknown): Pick<GrpcError, 'code' | 'details' | 'metadata' | 'name' | 'message'> {
  const error = toServiceError(thrown);
  const metadata = new Metadata();
  metadata.set('error-code', error.code);
  if (error.retryAfterSeconds !== undefined) metadata.set('retry-after', String(Math.ceil(error.retryAfterSeconds)));
  const { name, message } = error;
  return { name, message, code: statusOf[error.code], details: message, metadata };
}
