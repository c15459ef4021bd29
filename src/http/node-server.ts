import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { HttpOptions } from './options.js';
import { minVersion, type KeyPair } from './tls-certificates.js';

/** How often Node looks for requests that are too slow. */
const connectionsCheckingInterval = 500;

/**
 * Node's HTTP server with all its limits set. Its headers must arrive before the whole request must: with the two the other way
 * round Node swaps them.
 */
export function createNodeServer(
  options: HttpOptions,
  keyPair: KeyPair | undefined,
  listener: RequestListener,
): Server {
  const limits: ServerOptions = {
    headersTimeout: Math.min(options.headers_timeout_ms, options.request_timeout_ms),
    requestTimeout: options.request_timeout_ms,
    keepAliveTimeout: options.keep_alive_timeout_ms,
    connectionsCheckingInterval,
    // Answered by request-rules.ts, with a body.
    requireHostHeader: false,
    noDelay: true,
  };
  const server =
    keyPair === undefined
      ? createServer(limits, listener)
      : createTlsServer(
          {
            ...limits,
            ...keyPair,
            minVersion,
            handshakeTimeout: options.headers_timeout_ms,
            ALPNProtocols: ['http/1.1'],
          },
          listener,
        );
  server.maxConnections = options.max_connections;
  return server;
}
