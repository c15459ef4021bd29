import { Type, type Static } from '@sinclair/typebox';

export const httpOptions = Type.Object(
  {
    max_body_bytes: Type.Integer({
      default: 1_048_576,
      minimum: 1024,
      maximum: 104_857_600,
      description: 'Larger bodies get PAYLOAD_TOO_LARGE.',
    }),
    max_batch_instances: Type.Integer({
      default: 1000,
      minimum: 1,
      maximum: 100_000,
      description: 'Instances of one batch.',
    }),
    max_timeout_ms: Type.Integer({
      default: 30_000,
      minimum: 100,
      maximum: 600_000,
      description: 'Largest timeout_ms that a caller may ask for.',
    }),
    server_timing: Type.Boolean({ default: false, description: 'Send stage times in Server-Timing.' }),
    open_inference: Type.Boolean({
      default: false,
      description: 'Serve the Open Inference Protocol (V2) under /v2 too: tensors in, tensors out.',
    }),
    express_lane: Type.Boolean({
      default: false,
      description:
        'Frame plain predictions without Node’s HTTP server. Without effect with TLS on the port or cors_origins.',
    }),
    docs: Type.Boolean({ default: true, description: 'Serve /docs, /redoc and /openapi.json.' }),
    trust_proxy: Type.Array(Type.String(), {
      default: [],
      description: 'Addresses or CIDR ranges of proxies whose X-Forwarded-For is believed.',
    }),
    cors_origins: Type.Array(Type.String(), {
      default: [],
      description: 'Origins that browsers may call from; none by default.',
    }),
    headers_timeout_ms: Type.Integer({
      default: 10_000,
      minimum: 100,
      description: 'Time for a request to send its headers.',
    }),
    request_timeout_ms: Type.Integer({
      default: 30_000,
      minimum: 200,
      description: 'Time for a request to arrive whole.',
    }),
    keep_alive_timeout_ms: Type.Integer({
      default: 72_000,
      minimum: 1000,
      description: 'Idle time of a connection; longer than the load balancer in front allows.',
    }),
    max_connections: Type.Integer({
      default: 20_000,
      minimum: 1,
      description: 'Open connections of one process; further ones are closed at once.',
    }),
    max_concurrency: Type.Integer({
      default: 1024,
      minimum: 1,
      description: 'Predictions in flight in one process; further ones get 503.',
    }),
    max_queue_ms: Type.Integer({
      default: 50,
      minimum: 1,
      description:
        'Estimated wait beyond which a new prediction is refused with 503; while such refusals go on, four fifths of it.',
    }),
    drain_delay_seconds: Type.Number({
      default: 0,
      minimum: 0,
      maximum: 600,
      description: 'After SIGTERM: how long to serve on while not ready, so that the load balancer notices.',
    }),
    shutdown_grace_seconds: Type.Number({
      default: 25,
      minimum: 1,
      maximum: 3600,
      description: 'After SIGTERM: when the process ends at the latest.',
    }),
  },
  { description: 'HTTP server.' },
);
export type HttpOptions = Static<typeof httpOptions>;

export const tlsOptions = Type.Object(
  {
    mode: Type.Unsafe<'off' | 'required' | 'terminated_upstream'>({
      type: 'string',
      enum: ['off', 'required', 'terminated_upstream'],
      default: 'off',
      description: 'required: TLS 1.3 on the port itself.',
    }),
    cert_file: Type.Optional(Type.String({ description: 'Certificate chain, PEM; read again when it changes.' })),
    key_file: Type.Optional(Type.String({ description: 'Private key, PEM.' })),
  },
  { description: 'Transport encryption.' },
);
export type TlsOptions = Static<typeof tlsOptions>;
