import type { FastifyInstance } from 'fastify';

const idleCheckMs = 50;

/**
 * Closes the listener, lets requests in flight end, and cuts the connections that are left after `graceMs`. A connection that
 * falls idle meanwhile is closed: its client may not know yet that it should go elsewhere.
 */
export async function closeServer(app: FastifyInstance, graceMs: number): Promise<void> {
  const { server } = app;
  const idle = setInterval(() => server.closeIdleConnections(), idleCheckMs);
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
  try {
    server.closeIdleConnections();
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(deadline);
  }
}
