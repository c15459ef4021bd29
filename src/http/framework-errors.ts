import { ServiceError, toServiceError } from '../shared/errors.js';

/** What Fastify refuses by itself, by its error code. */
const refusals: Readonly<Record<string, () => ServiceError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new ServiceError('PAYLOAD_TOO_LARGE', 'The body is larger than the limit'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new ServiceError('INVALID_REQUEST', 'The body is not as long as Content-Length says'),
  FST_ERR_BAD_URL: () => new ServiceError('INVALID_REQUEST', 'The path is not valid percent-encoded UTF-8'),
  // The body's stream: the client left in the middle of it.
  ECONNRESET: () => new ServiceError('INVALID_REQUEST', 'The connection ended before the body was complete'),
};

/** The error to answer for anything thrown on the way of a request, Fastify's own included. */
export function toReplyError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  return refusals[code]?.() ?? toServiceError(thrown);
}
