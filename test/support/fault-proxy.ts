import { startServer, type TestServer } from './servers.js';

/** What Toxiproxy does to a connection. */
const toxics = {
  'black hole': { type: 'timeout', attributes: { timeout: 0 } },
  '500 ms late': { type: 'latency', attributes: { latency: 500 } },
  reset: { type: 'reset_peer', attributes: { timeout: 0 } },
  'slow close': { type: 'slow_close', attributes: { delay: 5000 } },
  'cut off after 100 bytes': { type: 'limit_data', attributes: { bytes: 100 } },
} as const;

export type Fault = keyof typeof toxics | 'down';
export const faults: readonly Fault[] = ['down', ...(Object.keys(toxics) as (keyof typeof toxics)[])];

/** A TCP proxy before a server, that fails as it is told. */
export interface FaultProxy {
  readonly port: number;
  fail(fault: Fault): Promise<void>;
  /** Any other toxic, on what the server sends. */
  disturb(type: string, attributes: Readonly<Record<string, number>>): Promise<void>;
  heal(): Promise<void>;
  remove(): Promise<void>;
}

export async function startFaultProxy(upstreamPort: number): Promise<FaultProxy> {
  const server: TestServer = await startServer('toxiproxy');
  const port = server.port + 1;
  const call = async (path: string, body: object) => {
    const url = `http://127.0.0.1:${server.port}${path}`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`Toxiproxy refused ${path}: ${await response.text()}`);
  };
  const addresses = { listen: `127.0.0.1:${port}`, upstream: `127.0.0.1:${upstreamPort}` };
  await call('/proxies', { name: 'it', ...addresses, enabled: true });
  return {
    port,
    async fail(fault) {
      if (fault === 'down') return call('/proxies/it', { enabled: false });
      for (const stream of ['upstream', 'downstream']) {
        await call('/proxies/it/toxics', { name: stream, stream, ...toxics[fault] });
      }
    },
    disturb: (type, attributes) =>
      call('/proxies/it/toxics', { name: 'other', stream: 'downstream', type, attributes }),
    heal: () => call('/reset', {}),
    remove: () => server.remove(),
  };
}
