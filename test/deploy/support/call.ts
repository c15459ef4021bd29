import { createServer, type AddressInfo } from 'node:net';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface Call {
  readonly body?: unknown;
  readonly key?: string;
  /** Certificate that the server must show. */
  readonly ca?: string;
}

/** One HTTP or HTTPS call; POST with a body. Status 0 where there is no answer. */
export function call(url: string, { body, key, ca }: Call = {}): Promise<{ status: number; text: string }> {
  const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'x-api-key': key }) };
  const method = body === undefined ? 'GET' : 'POST';
  const request = url.startsWith('https:')
    ? httpsRequest(url, { method, headers, agent: false, ...(ca === undefined ? {} : { ca }) })
    : httpRequest(url, { method, headers, agent: false });
  return new Promise((resolve) => {
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.once('error', (error) => resolve({ status: 0, text: error.message }));
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
