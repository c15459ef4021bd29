import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { clientConfig, sslOptions, type PostgresConnectionOptions } from './connection.js';

/** What the driver's connection can do beside what its types say. */
interface WireConnection extends EventEmitter {
  readonly stream: Duplex;
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/** The server's names of a connection, with which another one may cancel what it runs. */
interface Backend {
  readonly processID: number;
  readonly secretKey: number;
}

const limitMs = 2000;

/**
 * Asks the server to cancel what `client` runs, over a connection of its own and as encrypted as all others (PostgreSQL manual 55.2.9).
 * Resolves when the server has taken the request, which says nothing of whether it came in time.
 * @throws Error when the server is out of reach or does not close the connection within 2 s.
 */
export function requestCancel(driver: typeof pg, options: PostgresConnectionOptions, client: pg.Client): Promise<void> {
  const ssl = sslOptions(options);
  const connection = new driver.Connection({ ...clientConfig(options), ssl }) as unknown as WireConnection;
  const { processID, secretKey } = client as unknown as Backend;
  const cancel = () => connection.cancel(processID, secretKey);
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      connection.stream.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no answer to a cancel request within ${limitMs} ms`)), limitMs);
    connection.on('error', fail);
    connection.once('connect', () => (ssl === false ? cancel() : connection.requestSsl()));
    connection.once('sslconnect', cancel);
    connection.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    const { host, port } = options.address;
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}
