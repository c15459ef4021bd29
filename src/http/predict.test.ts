import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  authenticatorOf,
  createEdge,
  FakeLimiter,
  FakePrediction,
  OneKeyAuthenticator,
  RecordingHttpObserver,
  everything,
} from '../../test/support/edge.js';
import { ManualClock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { fits } from '../../test/support/openapi-fit.js';
import type { HttpServer } from './index.js';

const headers = { 'content-type': 'application/json' };
const predict = { method: 'POST', url: '/v1/predict', headers, payload: '{"model_id": "m"}' } as const;
const batch = { ...predict, url: '/v1/predict/batch' } as const;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('prediction routes', () => {
  let server: HttpServer | undefined;
  afterEach(() => server?.close(0));

  it('answer with what prediction says of the raw body', async () => {
    const prediction = new FakePrediction();
    server = await createEdge({ prediction });
    const reply = await server.app.inject({
      ...predict,
      headers: { 'content-type': 'application/json; charset=UTF-8' },
    });
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(fits('PredictionReply', reply.json())).toBe(true);
    expect(prediction.asked[0]?.body.toString()).toBe(predict.payload);
    const many = await server.app.inject(batch);
    expect(fits('BatchReply', many.json())).toBe(true);
  });

  it('hand an absent body on as an empty one', async () => {
    const prediction = new FakePrediction();
    server = await createEdge({ prediction });
    for (const given of [{}, headers]) await server.app.inject({ method: 'POST', url: '/v1/predict', headers: given });
    expect(prediction.asked.map(({ body }) => body.length)).toEqual([0, 0]);
  });

  it('keep a request id that is harmless and make one else', async () => {
    server = await createEdge();
    const given = await server.app.inject({ ...predict, headers: { ...headers, 'x-request-id': 'a.B_9-' } });
    expect(given.headers['x-request-id']).toBe('a.B_9-');
    expect(given.json<{ request_id: string }>().request_id).toBe('a.B_9-');
    for (const id of ['', 'a b', 'a'.repeat(65), '<script>']) {
      const made = await server.app.inject({ ...predict, headers: { ...headers, 'x-request-id': id } });
      expect(made.headers['x-request-id']).toMatch(uuid);
    }
  });

  it('hand on budget, trace, caller and arrival', async () => {
    const prediction = new FakePrediction();
    const clock = new ManualClock();
    clock.advance(5);
    prediction.before = (call) => expect(call.caller?.cancel.aborted).toBe(false);
    server = await createEdge({ prediction, clock });
    const sent = { ...headers, 'x-request-timeout-ms': '30000', traceparent };
    await server.app.inject({ ...predict, headers: sent });
    expect(prediction.asked[0]?.call).toMatchObject({
      timeoutMs: 30_000,
      traceparent,
      principal: everything,
      arrivedAt: 5,
    });
  });

  it("know what to hand on of a trace: the caller's as it is, or the own span as parent", async () => {
    const tracestate = 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE';
    const handedOn = async (sent: Record<string, string>, beginTrace?: () => string | undefined) => {
      await server?.close(0);
      const prediction = new FakePrediction();
      server = await createEdge({ prediction, beginTrace });
      await server.app.inject({ ...predict, headers: { ...headers, ...sent } });
      return prediction.asked[0]?.call.caller?.trace;
    };
    expect(await handedOn({ traceparent, tracestate })).toEqual({ traceparent, tracestate });
    expect(await handedOn({ traceparent })).toEqual({ traceparent });
    expect(await handedOn({ tracestate })).toBeUndefined();
    expect(await handedOn({ traceparent, tracestate: 'é=1' })).toEqual({ traceparent });
    const own = await handedOn({ traceparent, tracestate }, () => undefined);
    expect(own).toMatchObject({ tracestate, traceparent: expect.stringMatching(/^00-4bf92f35.*-01$/) as string });
    expect(own?.traceparent).not.toBe(traceparent);
    const begun = `00-${'a'.repeat(32)}-${'a'.repeat(16)}-01`;
    expect(await handedOn({ tracestate }, () => begun)).toEqual({ traceparent: begun });
  });

  it.each([
    'nonsense',
    traceparent.toUpperCase(),
    traceparent.replace('00-', 'ff-'),
    `${traceparent}-more`,
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  ])('ignore the traceparent %s', async (invalid) => {
    const prediction = new FakePrediction();
    server = await createEdge({ prediction });
    await server.app.inject({ ...predict, headers: { ...headers, traceparent: invalid } });
    expect(prediction.asked[0]?.call.traceparent).toBeUndefined();
  });

  it.each([false, true])('know the caller by either header, with an authenticator that waits: %s', async (slow) => {
    const authenticator = new OneKeyAuthenticator(everything, slow);
    server = await createEdge({ authenticator });
    const asked = async (credential: Record<string, string>) =>
      (await server?.app.inject({ ...predict, headers: { ...headers, ...credential } }))?.statusCode;
    expect(await asked({ 'x-api-key': 'secret' })).toBe(200);
    expect(await asked({ authorization: 'bearer secret' })).toBe(200);
    expect(await asked({ authorization: 'Basic secret' })).toBe(401);
    expect(await asked({ authorization: 'Bearer wrong' })).toBe(401);
    expect(authenticator.seen[0]?.address).toBe('127.0.0.1');
  });

  it('believe X-Forwarded-For of a trusted proxy only', async () => {
    const addressSeen = async (trusted: string[]) => {
      const authenticator = new OneKeyAuthenticator(everything);
      server = await createEdge({ authenticator, options: { trust_proxy: trusted } });
      await server.app.inject({ ...predict, headers: { ...headers, 'x-forwarded-for': '203.0.113.9' } });
      await server.close(0);
      return authenticator.seen[0]?.address;
    };
    expect(await addressSeen(['127.0.0.0/8'])).toBe('203.0.113.9');
    expect(await addressSeen(['10.0.0.0/8'])).toBe('127.0.0.1');
    expect(await addressSeen([])).toBe('127.0.0.1');
  });

  it('refuse at the rate limit, before the body and admission are looked at', async () => {
    const limiter = new FakeLimiter({ allowed: false, limit: 100, remaining: 0, resetSeconds: 17 });
    const prediction = new FakePrediction();
    server = await createEdge({
      limiter,
      prediction,
      admission: { refuseEarly: () => undefined, enter: () => expect.unreachable() },
    });
    const reply = await server.app.inject({ ...predict, headers: { 'content-type': 'text/plain' } });
    expect(reply.statusCode).toBe(429);
    expect(reply.json()).toMatchObject({ error_code: 'RATE_LIMIT_EXCEEDED', details: { retry_after_seconds: 17 } });
    expect(reply.headers).toMatchObject({
      'retry-after': '17',
      'ratelimit-policy': '"default";q=100;w=60',
      ratelimit: '"default";r=0;t=17',
      'x-ratelimit-limit': '100',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '17',
    });
    expect(prediction.asked).toHaveLength(0);
  });

  it('tell what is left of the limit, and nothing of it to callers without one', async () => {
    server = await createEdge({
      limiter: new FakeLimiter({ allowed: true, limit: 100, remaining: 99, resetSeconds: 60 }),
    });
    expect((await server.app.inject(predict)).headers['ratelimit']).toBe('"default";r=99;t=60');
    await server.close(0);
    server = await createEdge({
      limiter: new FakeLimiter({ allowed: true, limit: null, remaining: 0, resetSeconds: 0 }),
    });
    expect((await server.app.inject(predict)).headers['ratelimit']).toBeUndefined();
  });

  it('count a batch as one, or as its instances by setting', async () => {
    const limiter = new FakeLimiter({ allowed: true, limit: null, remaining: 0, resetSeconds: 0 });
    const payloads = [
      '{"instances": [{}, {}, {}]}',
      '{"instances": []}',
      '{',
      '[1]',
      `{"instances": [${'0,'.repeat(50)}0]}`,
    ];
    for (const countBatchInstances of [false, true]) {
      server = await createEdge({ limiter, countBatchInstances, options: { max_batch_instances: 20 } });
      for (const payload of payloads) await server.app.inject({ ...batch, payload });
      await server.app.inject({ method: 'POST', url: '/v1/predict/batch' });
      await server.app.inject(predict);
      await server.close(0);
    }
    expect(limiter.weights).toEqual([1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 20, 1, 1]);
  });

  it('hold a place from the whole body to the reply, whatever becomes of it', async () => {
    const places: string[] = [];
    const enter = (kind: string) => {
      places.push(kind);
      return () => void places.push('left');
    };
    const prediction = new FakePrediction();
    server = await createEdge({ admission: { refuseEarly: () => undefined, enter }, prediction });
    await server.app.inject(predict);
    prediction.before = () => Promise.reject(new ServiceError('INFERENCE_TIMEOUT', 'late'));
    await server.app.inject(batch);
    await server.app.inject({ ...predict, payload: ' '.repeat(2_000_000) });
    expect(places).toEqual(['predict', 'left', 'batch', 'left']);
  });

  it('are refused at their headers, before anybody asks who calls, where there will be no place', async () => {
    const full = new ServiceError('SERVICE_UNAVAILABLE', 'Busy', { retryAfterSeconds: 1 });
    const admission = { refuseEarly: () => full, enter: () => expect.unreachable() };
    const authenticator = { ...authenticatorOf(everything), authenticate: () => expect.unreachable() };
    server = await createEdge({ admission, authenticator });
    for (const request of [predict, batch]) expect((await server.app.inject(request)).statusCode).toBe(503);
  });

  it('cancel the work of a client that goes away', async () => {
    const prediction = new FakePrediction();
    const observer = new RecordingHttpObserver();
    const sockets: Socket[] = [];
    const cancelled = new Promise<void>((resolve) => {
      prediction.before = (call) =>
        new Promise((_, reject) => {
          call.caller?.cancel.addEventListener('abort', () => {
            reject(new ServiceError('INFERENCE_TIMEOUT', 'gone'));
            resolve();
          });
          sockets.forEach((socket) => socket.destroy());
        });
    });
    server = await createEdge({ prediction, observer });
    const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const head = `POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
    const socket = connect(Number(url.port), url.hostname, () => socket.write(head));
    sockets.push(socket);
    await cancelled;
    await new Promise(setImmediate);
    expect(prediction.asked[0]?.call.caller?.cancel.aborted).toBe(true);
    expect(observer.finished).toMatchObject([{ route: '/v1/predict', clientGone: true, reachedPrediction: true }]);
  });

  it('tell the observer once, with plain values', async () => {
    const observer = new RecordingHttpObserver();
    const clock = new ManualClock();
    const prediction = new FakePrediction();
    prediction.before = () => clock.advance(3);
    server = await createEdge({ observer, clock, prediction });
    await server.app.inject({ ...predict, headers: { ...headers, traceparent, 'x-request-id': 'mine' } });
    await server.app.inject('/nothing');
    await server.app.inject('/v1/models/none');
    expect(observer.finished).toMatchObject([
      {
        requestId: 'mine',
        route: '/v1/predict',
        method: 'POST',
        status: 200,
        error: undefined,
        durationMs: 3,
        clientId: 'risk team',
        traceparent,
        reachedPrediction: true,
        clientGone: false,
      },
      { route: 'unmatched', status: 404, clientId: null, reachedPrediction: false },
      { route: '/v1/models/:model_id', status: 404, error: { code: 'MODEL_NOT_FOUND' } },
    ]);
  });

  it('send Server-Timing where it is switched on', async () => {
    server = await createEdge({
      options: { server_timing: true },
      clock: new ManualClock(),
      authenticator: authenticatorOf(everything),
    });
    expect((await server.app.inject(predict)).headers['server-timing']).toBe('total;dur=0.000');
  });
});
