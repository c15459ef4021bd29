import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEdge, everything, OneKeyAuthenticator, parseReply } from '../../../test/support/edge.js';
import { body, head, LaneEdge, request, statuses } from '../../../test/support/lane-edge.js';
import { eventually } from '../../../test/support/service.js';
import type { PredictionReply } from '../../prediction/index.js';
import { ServiceError } from '../../shared/errors.js';

let edge: LaneEdge;
beforeEach(() => void (edge = new LaneEdge()));
afterEach(() => edge.stop());

describe('the express lane', () => {
  it('answers on a connection that the ordinary server never sees', async () => {
    await edge.start();
    const { socket, text } = await edge.client();
    for (let i = 1; i <= 3; i++) {
      socket.write(request('X-Request-Id: mine\r\n'));
      await eventually(() => statuses(text()).length === i);
    }
    expect(parseReply(text())).toMatchObject({ status: 200, headers: { 'x-request-id': 'mine' } });
    expect(JSON.parse(parseReply(text()).body)).toMatchObject({ request_id: 'mine', model_id: 'mortgage_denial' });
    expect(edge.prediction.asked.map((asked) => asked.body.toString())).toEqual([body, body, body]);
    expect(edge.observer.finished[2]).toMatchObject({
      route: '/v1/predict',
      method: 'POST',
      status: 200,
      reachedPrediction: true,
    });
    expect(edge.handedOver).toBe(0);
  });

  it('leaves a connection to the ordinary server from the first other request on', async () => {
    await edge.start();
    const { socket, text } = await edge.client();
    for (const [at, bytes] of [request(), 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n', request()].entries()) {
      socket.write(bytes);
      await eventually(() => statuses(text()).length === at + 1);
    }
    expect([statuses(text()), edge.handedOver]).toEqual([[200, 200, 200], 1]);
  });

  it('refuses as the ordinary server does', async () => {
    await edge.start({ authenticator: new OneKeyAuthenticator(everything, true) });
    const { socket, text } = await edge.client();
    socket.write(request('Accept: application/problem+json\r\nX-Api-Key: wrong\r\n'));
    await eventually(() => text() !== '');
    const { status, headers } = parseReply(text());
    expect([status, headers['content-type'], headers['www-authenticate']]).toEqual([
      ...[401, 'application/problem+json; charset=utf-8', 'Bearer realm="inference-service"'],
    ]);
    edge.prediction.before = () => Promise.reject(new ServiceError('INFERENCE_TIMEOUT', 'late'));
    socket.write(request('X-Api-Key: secret\r\n'));
    await eventually(() => statuses(text()).length === 2);
    expect(statuses(text())).toEqual([401, 504]);
    expect(edge.handedOver).toBe(0);
  });

  it('gives the place in admission back', async () => {
    const places: string[] = [];
    const enter = () => {
      places.push('taken');
      return () => void places.push('given back');
    };
    await edge.start({ admission: { refuseEarly: () => undefined, enter } });
    const { socket, text } = await edge.client();
    socket.write(request() + request());
    await eventually(() => statuses(text()).length === 2);
    expect(places).toEqual(['taken', 'given back', 'taken', 'given back']);
  });

  it('refuses under overload at once, and goes no further', async () => {
    const busy = new ServiceError('SERVICE_UNAVAILABLE', 'busy', { retryAfterSeconds: 1 });
    const enter = vi.fn();
    const authenticator = new OneKeyAuthenticator(everything);
    await edge.start({ admission: { refuseEarly: () => busy, enter }, authenticator });
    const { socket, text } = await edge.client();
    socket.write(request() + request());
    await eventually(() => statuses(text()).length === 2);
    expect(statuses(text())).toEqual([503, 503]);
    expect(parseReply(text()).headers['retry-after']).toBe('1');
    expect([enter.mock.calls.length, authenticator.seen.length, edge.prediction.asked.length]).toEqual([0, 0, 0]);
  });

  it('takes the caller from X-Forwarded-For where a proxy is trusted, as the ordinary server does', async () => {
    const seen: Record<string, (string | undefined)[]> = {};
    for (const express_lane of [true, false]) {
      const authenticator = new OneKeyAuthenticator(everything);
      await edge.start({ authenticator, options: { express_lane, trust_proxy: ['127.0.0.1', '10.0.0.0/8'] } });
      const chains = [
        '',
        '192.0.2.1',
        '192.0.2.1, 10.1.1.1',
        '10.2.2.2,192.0.2.1 ,10.1.1.1',
        '10.1.1.1',
        'nonsense',
        ' ,',
        '::1, 10.1.1.1',
      ];
      for (const chain of chains) await edge.sendOne(`X-Api-Key: secret\r\nX-Forwarded-For: ${chain}\r\n`);
      await edge.sendOne('X-Api-Key: secret\r\n');
      seen[String(express_lane)] = authenticator.seen.map(({ address }) => address);
      if (express_lane) expect(edge.handedOver).toBe(0);
      if (express_lane) await edge.server.close(0);
    }
    expect(seen['true']).toEqual(seen['false']);
    expect(seen['true']?.slice(0, 4)).toEqual(['127.0.0.1', '192.0.2.1', '192.0.2.1', '192.0.2.1']);
  });

  it('believes no X-Forwarded-For otherwise', async () => {
    const authenticator = new OneKeyAuthenticator(everything);
    await edge.start({ authenticator, options: { trust_proxy: ['192.0.2.99'] } });
    await edge.sendOne('X-Forwarded-For: 192.0.2.1\r\n');
    expect(authenticator.seen.map(({ address }) => address)).toEqual(['127.0.0.1']);
  });

  it('tells who takes its port', async () => {
    await edge.start();
    const second = await createEdge({ options: { express_lane: true } });
    const port = edge.port;
    await expect(second.listen({ host: '127.0.0.1', port })).rejects.toThrow(/EADDRINUSE/);
    await second.close(0);
  });
});

describe('a client that', () => {
  it('leaves before its reply: the work for it is cancelled', async () => {
    await edge.start();
    let aborted = false;
    edge.prediction.before = (call) =>
      new Promise((resolve) => {
        call.caller?.cancel.addEventListener('abort', () => {
          aborted = true;
          resolve();
        });
      });
    const { socket } = await edge.client();
    socket.write(request());
    await eventually(() => edge.prediction.asked.length === 1);
    socket.destroy();
    await eventually(() => aborted && edge.observer.finished.length === 1);
    expect(edge.observer.finished[0]).toMatchObject({ clientGone: true });
  });

  it('ends its side in the middle of a request is told that it is not whole', async () => {
    await edge.start();
    const { socket, text, closed } = await edge.client();
    socket.end(head() + body.slice(1));
    await eventually(closed);
    expect(statuses(text())).toEqual([400]);
    expect(edge.observer.facts).toEqual(['protocol error: malformed']);
  });

  it('resets the connection is reported as by the ordinary server', async () => {
    await edge.start();
    const { socket } = await edge.client();
    socket.write(request());
    await eventually(() => edge.observer.finished.length === 1);
    socket.resetAndDestroy();
    await eventually(() => edge.observer.facts.length === 1);
    expect(edge.observer.facts).toEqual(['protocol error: connection_lost']);
  });

  it('says nothing is refused once its time is up', async () => {
    await edge.start({ options: { headers_timeout_ms: 5000 } });
    const { text, closed } = await edge.client();
    await edge.sendOne('');
    edge.wait(5000);
    expect(text()).toBe('');
    edge.wait(200);
    await eventually(closed);
    expect(statuses(text())).toEqual([408]);
    expect(edge.observer.facts).toEqual(['protocol error: timeout']);
  });

  it('is idle for longer than it may is closed without a word', async () => {
    await edge.start({ options: { keep_alive_timeout_ms: 3000 } });
    const { socket, text, closed } = await edge.client();
    socket.write(request());
    await eventually(() => text() !== '');
    expect(parseReply(text()).headers['keep-alive']).toBe('timeout=3');
    edge.wait(4000);
    expect(closed()).toBe(false);
    edge.wait(200);
    await eventually(closed);
    expect(statuses(text())).toEqual([200]);
  });

  it('sends slowly gets the time that the ordinary server gives', async () => {
    await edge.start();
    const { socket, text } = await edge.client();
    socket.write(head());
    await edge.sendOne('');
    edge.wait(400);
    await eventually(() => edge.handedOver === 1);
    socket.write(body);
    await eventually(() => text() !== '');
    expect(statuses(text())).toEqual([200]);
  });

  it('is one too many is turned away', async () => {
    await edge.start({ options: { max_connections: 2 } });
    const clients = [await edge.client(), await edge.client(), await edge.client()];
    await eventually(() => clients.some(({ closed }) => closed()));
    expect(edge.observer.facts).toEqual(['connection refused']);
  });

  it('does not read its replies holds up nobody but itself, and gets them all when it does', async () => {
    const large = { text: 'x'.repeat(2_000_000) } as unknown as PredictionReply['prediction'];
    const answer = edge.prediction.predict.bind(edge.prediction);
    const reply = vi
      .spyOn(edge.prediction, 'predict')
      .mockImplementation(async (...call) => ({ ...(await answer(...call)), prediction: large }));
    await edge.start();
    const { socket, text } = await edge.client();
    socket.pause();
    socket.write(request().repeat(10));
    await eventually(() => edge.prediction.asked.length > 0);
    await edge.sendOne('');
    const taken = edge.prediction.asked.length;
    expect(taken).toBeLessThan(11);
    socket.resume();
    await eventually(() => statuses(text()).length === 10);
    expect(edge.prediction.asked).toHaveLength(11);
    reply.mockRestore();
  });
});
