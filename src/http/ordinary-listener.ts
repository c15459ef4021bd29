import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Listener } from './listener.js';

const idleCheckMs = 50;

/** Node's HTTP server alone holds the port. */
export class OrdinaryListener implements Listener {
  readonly #app: FastifyInstance;

  constructor(app: FastifyInstance) {
    this.#app = app;
  }

  async listen({ host, port }: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
    await this.#app.listen({ host, port });
    return this.#app.server.address() as AddressInfo;
  }

  /** A connection that falls idle meanwhile is closed: its client may not know yet that it should go elsewhere. */
  async close(graceMs: number): Promise<void> {
    const { server } = this.#app;
    const idle = setInterval(() => server.closeIdleConnections(), idleCheckMs);
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
    try {
      server.closeIdleConnections();
      await this.#app.close();
    } finally {
      clearInterval(idle);
      clearTimeout(deadline);
    }
  }
}
