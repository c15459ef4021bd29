import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { callerAddress } from './caller-address.js';

const socket = { remoteAddress: '10.0.0.1' } as Socket;
const forwarded = { 'x-forwarded-for': '203.0.113.9, 10.0.0.2' };

it.each([
  ['nobody is trusted', [], '10.0.0.1'],
  ['another proxy is trusted', ['10.9.9.9'], '10.0.0.1'],
  ['the proxy at the other end is trusted', ['10.0.0.1'], '10.0.0.2'],
  ['all proxies are trusted', ['10.0.0.0/8'], '203.0.113.9'],
] as const)('where %s, the caller is found', (_what, proxies, address) => {
  expect(callerAddress(proxies)(socket, forwarded)).toBe(address);
});
