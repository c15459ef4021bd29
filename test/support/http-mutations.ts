/** Raw HTTP/1.1 requests, most of them wrong in one to three places. All randomness comes from one seed. */
export type Random = (below: number) => number;

/** Mulberry32: whole numbers from 0 to `below` - 1. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)] as T;

/** A request in parts; `latin1` text, so that any byte can stand in it. */
interface Draft {
  line: string;
  headers: string[];
  end: string;
  body: string;
  /** Keeps Content-Length at the body's length. */
  lengthFits: boolean;
}

const bodies = ['{"model_id":"m","features":{"a":1}}', '{"model_id":"m"}', '{}', `{"model_id":"${'m'.repeat(300)}"}`];

function plain(random: Random): Draft {
  const optional = [
    'User-Agent: fuzz/1.0 (a; b)',
    'Accept: */*',
    'Accept: application/problem+json',
    'Accept-Encoding: gzip, deflate',
    'Connection: keep-alive',
    'X-Request-Id: given-1',
    'X-Request-Timeout-Ms: 2000',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'X-Forwarded-For: 10.1.2.3, 192.0.2.7',
    'Cookie: a=b; c=d',
    'Keep-Alive: timeout=5',
  ].filter(() => random(4) === 0);
  const headers = ['Host: localhost:8080', 'Content-Type: application/json', 'X-Api-Key: secret', ...optional];
  headers.splice(random(headers.length + 1), 0, 'Content-Length: ?');
  return { line: 'POST /v1/predict HTTP/1.1', headers, end: '\r\n', body: pick(random, bodies), lengthFits: true };
}

const extraHeaders = [
  'Host: other', 'Host:', 'Content-Length: 5', 'Content-Length: ?', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked', 'Expect: 100-continue', 'Expect: a-miracle', 'Upgrade: h2c', 'Upgrade: websocket',
  'Connection: close', 'Connection: Keep-Alive', 'Connection: keep-alive, close', 'Connection: upgrade', 'Connection:',
  'Connection: keep-alive, x-foo', 'Proxy-Connection: close', 'Proxy-Connection: keep-alive', 'Trailer: X-A', 'TE: trailers',
  'Content-Encoding: gzip', 'Content-Type: text/plain', 'X-Api-Key: other', 'Authorization: Bearer secret', 'Authorization: Basic eA==',
  'X-Request-Timeout-Ms: 1', 'X-Request-Timeout-Ms: soon', 'X-Request-Id: \u00e9\u00e9', 'X-Request-Id: a b', 'X: a\tb', 'X:\ta\t', 'X: \u00e9',
  'X: a\r\n folded', 'X: a\r\n\tfolded', 'X: a\rb', 'X: a\nb', 'X: a\0b', 'X : a', ': a', 'X', ' X: a', 'X\u00e9: a', 'X(: a', '__proto__: a',
  'constructor: a', 'toString: a', 'Set-Cookie: a=b', 'X:', 'X: ', 'X:    a   ', `X: ${'a'.repeat(9000)}`, `X: ${'a'.repeat(20_000)}`,
  `X:${' '.repeat(3000)}\x01`, 'Origin: http://elsewhere.example', 'HTTP2-Settings: AAMA', 'Accept-Version: 1.0.0', 'Range: bytes=0-1',
]; // prettier-ignore
const contentTypes = [
  'text/plain', 'application/json; charset=utf-8', 'application/json;charset=UTF-8', 'Application/JSON', 'application/json; charset=latin1',
  'application/json;', 'application/json; x=y', 'application/json; charset="utf-8"', 'application/vnd.x+json', 'application/json, text/plain',
  'application/json ; charset=utf-8', '', 'application/json/', 'application/json;;', 'multipart/form-data; boundary=x', '*/*',
]; // prettier-ignore
const lines = [
  'GET /v1/predict HTTP/1.1', 'HEAD /v1/predict HTTP/1.1', 'PUT /v1/predict HTTP/1.1', 'OPTIONS /v1/predict HTTP/1.1', 'post /v1/predict HTTP/1.1',
  'FOO /v1/predict HTTP/1.1', 'PRI * HTTP/2.0', 'CONNECT /v1/predict HTTP/1.1', 'QUERY /v1/predict HTTP/1.1', 'POST /v1/predict?x=1 HTTP/1.1',
  'POST /v1/predict/ HTTP/1.1', 'POST //v1/predict HTTP/1.1', 'POST /v1/predict/batch HTTP/1.1', 'POST /v1/Predict HTTP/1.1',
  'POST http://localhost/v1/predict HTTP/1.1', 'POST /v1/%70redict HTTP/1.1', 'POST /v1/predict#x HTTP/1.1', 'POST * HTTP/1.1', 'POST  HTTP/1.1',
  'GET /health HTTP/1.1', 'GET /v1/models/%ff HTTP/1.1', 'POST /v1/predict HTTP/1.0', 'POST /v1/predict HTTP/1.2', 'POST /v1/predict HTTP/2.0',
  'POST /v1/predict HTTP/0.9', 'POST /v1/predict http/1.1', 'POST /v1/predict', 'POST /v1/predict  HTTP/1.1', 'POST\t/v1/predict HTTP/1.1',
  'POST /v1/predict HTTP/1.1 ', ' POST /v1/predict HTTP/1.1', '\r\nPOST /v1/predict HTTP/1.1', '\nPOST /v1/predict HTTP/1.1',
  'POST /v1/predict HTTP/1.10', 'POST /v1/predict HTTP/11', 'POST /v1/pr\u00e9dict HTTP/1.1', 'POST /v1/predict\0 HTTP/1.1',
]; // prettier-ignore
const oddLengths = [
  '+5',
  '-5',
  '0x10',
  '5, 5',
  '5 5',
  '',
  ' ',
  '1e2',
  '00',
  '0',
  '99999999999',
  '18446744073709551617',
  '\u0665',
  '5;',
  '5.0',
];
const oddBodies = [
  '', '{', '[]', 'null', '{"model_id":', '{"a":1}{"a":2}', '\u00ff\u00fe', '\u00ef\u00bb\u00bf{}', '{"__proto__":{"a":1}}', '{"a":"\0"}', '\r\n', ' '.repeat(70_000),
  `"${'x'.repeat(66_000)}"`, ' '.repeat(120_000),
]; // prettier-ignore

type Mutation = (draft: Draft, random: Random) => void;

const at = (random: Random, { headers }: Draft): number => random(headers.length);
const valued = (draft: Draft, name: string, value: string): void => {
  draft.headers = draft.headers.map((header) => (header.startsWith(`${name}:`) ? `${name}: ${value}` : header));
};

const mutations: readonly Mutation[] = [
  (draft, random) => draft.headers.splice(random(draft.headers.length + 1), 0, pick(random, extraHeaders)),
  (draft, random) => draft.headers.splice(random(draft.headers.length + 1), 0, pick(random, extraHeaders)),
  (draft, random) => draft.headers.splice(at(random, draft), 1),
  (draft, random) => draft.headers.push(draft.headers[at(random, draft)] as string),
  (draft, random) => {
    const place = at(random, draft);
    const header = draft.headers[place] as string;
    draft.headers[place] = pick(random, [header.toUpperCase(), header.toLowerCase(), header.replace(': ', ':\t'), `${header}  \t`, header.replace(': ', ':'), header.replace(': ', ' : ')]); // prettier-ignore
  },
  (draft, random) => (draft.line = pick(random, lines)),
  (draft, random) => valued(draft, 'Content-Type', pick(random, contentTypes)),
  (draft, random) => {
    const size = draft.body.length;
    const near = [`+${size}`, `-${size}`, `${size}, ${size}`, `0x${size.toString(16)}`, `${size}.0`, `${size};`];
    valued(draft, 'Content-Length', pick(random, [...oddLengths, ...near]));
  },
  (draft, random) => {
    draft.lengthFits = false;
    const off = pick(random, [-1, 1, -draft.body.length, 7, 100, 70_000]);
    valued(draft, 'Content-Length', String(Math.max(0, draft.body.length + off)));
  },
  (draft, random) =>
    valued(
      draft,
      'Content-Length',
      pick(random, [`0${draft.body.length}`, `000${draft.body.length}`, `${draft.body.length} `]),
    ),
  (draft, random) => valued(draft, 'X-Api-Key', pick(random, ['wrong', '', 'secret ', 'SECRET', '\u00e9'])),
  (draft, random) => (draft.body = pick(random, oddBodies)),
  (draft, random) => (draft.end = pick(random, ['\n', '\r', '\r\n\r', '\n\r'])),
  (draft, random) => {
    draft.headers.push(...Array.from({ length: pick(random, [60, 70, 1005]) }, (_, n) => `A${n}:`));
    if (random(2) === 0) draft.headers.reverse();
  },
  (draft) => {
    const size = draft.body.length.toString(16);
    draft.headers = draft.headers.map((header) =>
      header.startsWith('Content-Length') ? 'Transfer-Encoding: chunked' : header,
    );
    draft.body = `${size}\r\n${draft.body}\r\n0\r\n\r\n`;
  },
];

function written({ line, headers, end, body, lengthFits }: Draft): Buffer {
  const length = String(body.length);
  const lines = headers.map((header) => (lengthFits ? header.replace(/: \?$/, `: ${length}`) : header));
  return Buffer.from(`${line}\r\n${lines.join(end)}\r\n\r\n${body}`, 'latin1');
}

/** Flips, inserts, drops or doubles bytes. */
function damaged(bytes: Buffer, random: Random): Buffer {
  const place = random(Math.min(bytes.length, 600));
  const odd = Buffer.from([pick(random, [0, 9, 10, 13, 32, 58, 44, 127, 128, 255, 48, 65, random(256)])]);
  const head = bytes.subarray(0, place);
  return pick(random, [
    Buffer.concat([head, odd, bytes.subarray(place + 1)]),
    Buffer.concat([head, odd, bytes.subarray(place)]),
    Buffer.concat([head, bytes.subarray(place + 1)]),
    Buffer.concat([head, bytes.subarray(Math.max(0, place - 3))]),
  ]);
}

/** A request that is right, in one of the forms that callers send. */
export const goodRequest = (random: Random): Buffer => written(plain(random));

export function mutatedRequest(random: Random): Buffer {
  const draft = plain(random);
  const kind = random(10);
  for (let left = kind === 0 ? 0 : 1 + random(3); left > 0 && kind < 8; left--) pick(random, mutations)(draft, random);
  const bytes = written(draft);
  return kind >= 7 ? damaged(bytes, random) : bytes;
}
