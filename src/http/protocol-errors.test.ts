import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEdge, FakePrediction, parseReply, RecordingHttpObserver, sendRaw } from '../../test/support/edge.js';
import { isErrorBody } from '../../test/support/openapi-fit.js';
import type { HttpServer } from './index.js';

const host = 'Host: localhost\r\n';
const body = '{"model_id":"m"}';
const post = `POST /v1/predict HTTP/1.1\r\n${host}Content-Type: application/json\r\n`;

const refusals: readonly [name: string, bytes: string | Buffer, status: number, code: string][] = [
  ['an unknown method', `FOO / HTTP/1.1\r\n${host}\r\n`, 400, 'INVALID_REQUEST'],
  [
    'Content-Length and Transfer-Encoding',
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'INVALID_REQUEST',
  ],
  ['a bare LF in the headers', `GET /health HTTP/1.1\nHost: localhost\n\n`, 400, 'INVALID_REQUEST'],
  ['a Content-Length that is no number', `${post}Content-Length: five\r\n\r\n`, 400, 'INVALID_REQUEST'],
  ['two Content-Length', `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, 400, 'INVALID_REQUEST'],
  [
    'a control byte in a header',
    Buffer.from(`GET /health HTTP/1.1\r\n${host}X: a\x01b\r\n\r\n`, 'latin1'),
    400,
    'INVALID_REQUEST',
  ],
  ['a raw byte in the path', Buffer.from(`GET /caf\xe9 HTTP/1.1\r\n${host}\r\n`, 'latin1'), 400, 'INVALID_REQUEST'],
  [
    'a header that is too large',
    `GET /health HTTP/1.1\r\n${host}X: ${'a'.repeat(20_000)}\r\n\r\n`,
    431,
    'INVALID_REQUEST',
  ],
  ['a missing Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'INVALID_REQUEST'],
  ['two Hosts', `GET /health HTTP/1.1\r\n${host}Host: other\r\nConnection: close\r\n\r\n`, 400, 'INVALID_REQUEST'],
  ['a request line without version', 'GET /health\r\n\r\n', 400, 'INVALID_REQUEST'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'INVALID_REQUEST'],
  ['an Expect that nobody can meet', `${post}Expect: a-miracle\r\nContent-Length: 3\r\n\r\n`, 417, 'INVALID_REQUEST'],
  ['CONNECT', 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n', 405, 'METHOD_NOT_ALLOWED'],
  ['TRACE', `TRACE /health HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, 405, 'METHOD_NOT_ALLOWED'],
  ['an unusual method', `PROPFIND /v1/predict HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, 405, 'METHOD_NOT_ALLOWED'],
  ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, 404, 'NOT_FOUND'],
  [
    'a path that is not UTF-8',
    `GET /v1/models/%ff HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    400,
    'INVALID_REQUEST',
  ],
  [
    'a chunked body that is too large',
    `${post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n${' '.repeat(2048)}\r\n0\r\n\r\n`,
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  ['a broken chunk', `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400, 'INVALID_REQUEST'],
  ['headers that never end', `GET /health HTTP/1.1\r\n${host}`, 408, 'INVALID_REQUEST'],
  ['a body that never ends', `${post}Content-Length: 100\r\n\r\n{"model`, 408, 'INVALID_REQUEST'],
];

describe('what HTTP itself refuses', () => {
  let server: HttpServer;
  let url: string;
  const observer = new RecordingHttpObserver();
  const prediction = new FakePrediction();

  beforeEach(async () => {
    observer.facts.length = 0;
    observer.finished.length = 0;
    prediction.asked.length = 0;
    prediction.before = () => undefined;
    const options = { headers_timeout_ms: 200, request_timeout_ms: 400, max_body_bytes: 1024, max_connections: 3 };
    server = await createEdge({ options, observer, prediction });
    url = await server.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => server.close(0));

  it.each(refusals)('%s is answered in our own words', async (_name, bytes, status, code) => {
    const reply = parseReply(await sendRaw(url, bytes));
    expect(reply.status).toBe(status);
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(reply.headers['x-content-type-options']).toBe('nosniff');
    expect(Number(reply.headers['content-length'])).toBe(Buffer.byteLength(reply.body));
    const error: unknown = JSON.parse(reply.body);
    expect(isErrorBody(error)).toBe(true);
    expect(error).toMatchObject({ error_code: code, request_id: reply.headers['x-request-id'] });
    if (status === 405) expect(reply.headers['allow']).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
    expect(prediction.asked).toHaveLength(0);
  });

  it('accepts what is unusual but right', async () => {
    const accepted = [
      `GET ${url}/health HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
      'GET /health HTTP/1.0\r\n\r\n',
      `GET /health HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n`,
      `${post}Connection: close\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      `${post}Connection: close, Upgrade\r\nUpgrade: h2c\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      `${post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n${body.slice(0, 5)}\r\nb\r\n${body.slice(5)}\r\n0\r\n\r\n`,
    ];
    for (const bytes of accepted) expect(parseReply(await sendRaw(url, bytes)).status, bytes).toBe(200);
    expect(prediction.asked.map((asked) => asked.body.toString())).toEqual([body, body, body]);
  });

  it('says nothing to a broken request behind a good one, whose reply is still given', async () => {
    prediction.before = () => new Promise((resolve) => setImmediate(resolve));
    const first = `${post}Content-Length: ${body.length}\r\n\r\n${body}`;
    const text = await sendRaw(url, `${first}BROKEN\r\n\r\n`);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(observer.facts).toContain('protocol error: malformed');
  });

  it('says nothing more to a body that goes on after its refusal', async () => {
    const text = await sendRaw(url, `${post}Content-Length: 2000\r\n\r\n{`);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(parseReply(text).status).toBe(413);
  });

  it('answers a pipeline in order', async () => {
    const text = await sendRaw(
      url,
      `GET /health HTTP/1.1\r\n${host}\r\nGET /nothing HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    );
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404']);
  });

  it('closes connections that stay silent or are too many', async () => {
    const silent = [0, 1, 2, 3].map(() => sendRaw(url, ''));
    const texts = await Promise.all(silent.map((one) => one.catch(() => 'reset')));
    expect(texts.filter((text) => text.includes('408'))).toHaveLength(3);
    expect(observer.facts).toContain('connection refused');
  });

  it('survives clients that leave in the middle of a body', async () => {
    const { port } = new URL(url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write(`${post}Content-Length: 100\r\n\r\n{"model`, () => socket.resetAndDestroy());
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
    const reply = await sendRaw(url, `GET /health HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    expect(parseReply(reply).status).toBe(200);
    expect(prediction.asked).toHaveLength(0);
  });
});
