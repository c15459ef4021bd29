const header = (description: string, schema: object = { type: 'string' }) => ({ description, schema });
const wholeNumber = { type: 'integer', minimum: 0 };

export const headerComponents = {
  'X-Request-Id': header('The id of the call, as in body, log and event.'),
  RateLimit: header('Room left: `"default";r=<requests>;t=<seconds>` (draft-ietf-httpapi-ratelimit-headers).'),
  'RateLimit-Policy': header('The limit: `"default";q=<requests>;w=60`.'),
  'X-RateLimit-Limit': header('Requests a minute.', wholeNumber),
  'X-RateLimit-Remaining': header('Requests left.', wholeNumber),
  'X-RateLimit-Reset': header('Seconds until there is room again.', wholeNumber),
  'Retry-After': header('Whole seconds until a new try makes sense.', { type: 'integer', minimum: 1 }),
  'WWW-Authenticate': header('How to authenticate.'),
  Allow: header('The methods that the path answers.'),
  'Server-Timing': header('Milliseconds of each stage; only with http.server_timing.'),
};

const refs = (names: readonly (keyof typeof headerComponents)[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

export const replyHeaders = refs(['X-Request-Id', 'Server-Timing']);
/** Only where a limit is set. */
export const rateLimitHeaders = refs([
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
]);

/** The headers that errors of a status have beside those of every reply. */
export function errorReplyHeaders(status: number): object {
  const limited = status === 429 ? rateLimitHeaders : {};
  const retry = status === 429 || status === 503 ? refs(['Retry-After']) : {};
  const authenticate = status === 401 ? refs(['WWW-Authenticate']) : {};
  const allow = status === 405 ? refs(['Allow']) : {};
  return { ...replyHeaders, ...limited, ...retry, ...authenticate, ...allow };
}

export const parameterComponents = {
  requestId: {
    name: 'X-Request-Id',
    in: 'header',
    description: 'Kept where it matches `^[A-Za-z0-9._-]{1,64}$`, else a new id is made.',
    schema: { type: 'string' },
  },
  traceparent: {
    name: 'traceparent',
    in: 'header',
    description: 'W3C Trace Context; ignored when it is not valid.',
    schema: { type: 'string' },
  },
};

export const timeoutParameter = (maxTimeoutMs: number) => ({
  name: 'X-Request-Timeout-Ms',
  in: 'header',
  description: 'Time budget; the smaller of this and options.timeout_ms holds.',
  schema: { type: 'integer', minimum: 100, maximum: maxTimeoutMs },
});

export const headerParameters = (names: readonly ('requestId' | 'traceparent' | 'timeout')[]) =>
  names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
