import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import proxyAddress from '@fastify/proxy-addr';

/** The address of who calls. */
export type CallerAddress = (socket: Socket, headers: IncomingHttpHeaders) => string;

/** As Fastify finds it: what X-Forwarded-For says where one of `proxies` sent it, else the other end of the connection. */
export function callerAddress(proxies: readonly string[]): CallerAddress {
  if (proxies.length === 0) return (socket) => socket.remoteAddress ?? '';
  const isProxy = proxyAddress.compile([...proxies]);
  return (socket, headers) => proxyAddress({ socket, headers } as IncomingMessage, isProxy);
}
