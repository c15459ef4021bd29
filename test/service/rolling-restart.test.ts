import { Agent, createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { oneModel, oneRequest } from '../support/one-model.js';
import { get, launchService, type Service } from '../support/service.js';

const restarts = Number(process.env['ROLLING_RESTARTS'] ?? 2);

interface Backend {
  readonly service: Service;
  readonly agent: Agent;
  inRotation: boolean;
}

/** A load balancer as they are: keeps connections, retries nothing, and asks /ready only now and then. */
class LoadBalancer {
  readonly backends: Backend[] = [];
  readonly #server: Server;
  #next = 0;

  constructor() {
    this.#server = createServer((request, reply) => {
      const backend = this.#choose();
      const { hostname, port } = new URL(backend.service.url);
      const { method, headers, url: path } = request;
      const forwarded = httpRequest(
        { hostname, port, path, method, headers, agent: backend.agent },
        (answer: IncomingMessage) => {
          const { connection: _connection, ...kept } = answer.headers;
          reply.writeHead(answer.statusCode ?? 502, kept);
          answer.pipe(reply);
        },
      );
      forwarded.on('error', (error) => reply.writeHead(502).end(error.message));
      request.pipe(forwarded);
    });
    const checks = setInterval(() => void this.#check(), 1500);
    onTestFinished(() => {
      clearInterval(checks);
      this.#server.close();
      this.#server.closeAllConnections();
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async add(): Promise<Backend> {
    // A machine that is busy with other things is not overload here.
    const env = { INFERENCE_SERVICE__HTTP__DRAIN_DELAY_SECONDS: '4', INFERENCE_SERVICE__HTTP__MAX_QUEUE_MS: '10000' };
    const service = await launchService({ args: oneModel, env });
    const backend = { service, agent: new Agent({ keepAlive: true }), inRotation: true };
    onTestFinished(async () => void (await service.stop('SIGKILL')));
    this.backends.push(backend);
    return backend;
  }

  remove(backend: Backend): void {
    this.backends.splice(this.backends.indexOf(backend), 1);
  }

  #choose(): Backend {
    const open = this.backends.filter(({ inRotation }) => inRotation);
    const chosen = open[this.#next++ % open.length];
    if (chosen === undefined) throw new Error('No backend is in rotation');
    return chosen;
  }

  async #check(): Promise<void> {
    for (const backend of this.backends) {
      const answer = await get(`${backend.service.url}/ready`).catch(() => undefined);
      backend.inRotation = answer?.status === 200;
    }
  }
}

async function call(agent: Agent, url: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const request = httpRequest(`${url}/v1/predict`, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve(answer.statusCode === 200 ? 'ok' : `${answer.statusCode} ${text}`));
      answer.on('error', (error) => resolve(error.message));
    });
    request.on('error', (error) => resolve(error.message));
    request.end(JSON.stringify(oneRequest));
  });
}

describe('demand 5: rolling restart of two instances', () => {
  it(
    `loses no request while the load balancer notices late, ${restarts} times`,
    { timeout: restarts * 120_000 },
    async () => {
      const balancer = new LoadBalancer();
      await Promise.all([balancer.add(), balancer.add()]);
      const url = await balancer.listen();
      const outcomes = new Map<string, number>();
      let loading = true;
      const caller = async () => {
        const agent = new Agent({ keepAlive: true });
        while (loading) {
          const outcome = await call(agent, url);
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
        agent.destroy();
      };
      const callers = Array.from({ length: 8 }, caller);
      const codes = [];
      for (let restart = 0; restart < restarts; restart++) {
        const [oldest] = balancer.backends;
        if (oldest === undefined) throw new Error('No backend');
        codes.push(await oldest.service.stop());
        balancer.remove(oldest);
        await balancer.add();
      }
      loading = false;
      await Promise.all(callers);
      expect([...outcomes.keys()]).toEqual(['ok']);
      expect(outcomes.get('ok')).toBeGreaterThan(100);
      expect(codes).toEqual(codes.map(() => 0));
    },
  );
});
