import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createEdge, RecordingHttpObserver, sendRaw } from '../../test/support/edge.js';
import type { HttpServer } from './index.js';
import { TlsCertificates } from './tls-certificates.js';

const folder = mkdtempSync(join(tmpdir(), 'tls-'));
const file = (name: string) => join(folder, name);

function makePair(name: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
    ],
    { stdio: 'ignore' },
  );
}

/** Makes the files that the server reads those of a pair. */
function install(cert: string, key = cert): void {
  copyFileSync(file(`${cert}.crt`), file('tls.crt'));
  copyFileSync(file(`${key}.key`), file('tls.key'));
}

const files = { certFile: file('tls.crt'), keyFile: file('tls.key') };
const tls = { mode: 'required', cert_file: files.certFile, key_file: files.keyFile } as const;

beforeAll(() => ['first', 'second'].forEach(makePair));
afterAll(() => rmSync(folder, { recursive: true }));

const handshake = (url: string, options: ConnectionOptions = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });

const exchange = (socket: TLSSocket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
  });

describe('TLS', () => {
  let server: HttpServer | undefined;
  afterEach(async () => {
    vi.useRealTimers();
    await server?.close(0);
  });

  it('speaks 1.3 only, and says so to browsers', async () => {
    install('first');
    const observer = new RecordingHttpObserver();
    server = await createEdge({ tls, observer });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    expect(url).toMatch(/^https:/);
    const socket = await handshake(url);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    const reply = await exchange(socket);
    expect(reply).toMatch(/^HTTP\/1.1 200 /);
    expect(reply).toContain('strict-transport-security: max-age=31536000');
    await expect(handshake(url, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    await sendRaw(url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => '');
    expect(observer.facts).toEqual(['protocol error: tls', 'protocol error: tls']);
  });

  it('serves a new certificate without a restart and keeps the connections that it has', async () => {
    install('first');
    const observer = new RecordingHttpObserver();
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    server = await createEdge({ tls, observer });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const old = await handshake(url);
    expect(old.getPeerCertificate().subject.CN).toBe('first');
    install('second');
    vi.advanceTimersByTime(1000);
    await vi.waitUntil(() => observer.facts.includes('certificate reloaded'), { interval: 1 });
    const fresh = await handshake(url);
    expect(fresh.getPeerCertificate().subject.CN).toBe('second');
    await expect(handshake(url, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    expect(await exchange(old)).toMatch(/^HTTP\/1.1 200 /);
    for (const socket of [old, fresh]) socket.destroy();
  });

  it('keeps the old pair while the files are none, and says so once', async () => {
    install('first');
    const observer = new RecordingHttpObserver();
    const certificates = await TlsCertificates.open(files, observer);
    const used: string[] = [];
    const look = () => certificates.refresh(({ cert }) => used.push(cert.toString()));
    await look();
    install('second', 'first');
    await look();
    await look();
    writeFileSync(files.certFile, 'rubbish');
    await look();
    rmSync(files.certFile);
    await look();
    expect(used).toEqual([]);
    expect(observer.facts.map((fact) => fact.slice(0, 20))).toEqual(Array(3).fill('certificate refused:'));
    install('second');
    await look();
    await look();
    expect(used).toHaveLength(1);
    expect(certificates.current.cert.toString()).toBe(used[0]);
    expect(observer.facts.at(-1)).toBe('certificate reloaded');
  });

  it('does not start without a pair', async () => {
    install('first', 'second');
    await expect(createEdge({ tls })).rejects.toThrow(/tls\.cert_file .*tls\.crt and tls\.key_file .*tls\.key: /);
    await expect(createEdge({ tls: { mode: 'required' } })).rejects.toThrow('must be set');
  });
});
