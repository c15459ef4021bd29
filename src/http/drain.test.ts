import { afterEach, describe, expect, it } from 'vitest';
import { Agent, request } from 'undici';
import { createEdge, FakePrediction } from '../../test/support/edge.js';
import type { HttpServer } from './index.js';

const predict = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' } as const;

/** A promise and what settles it. */
function gate(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

describe('draining', () => {
  let server: HttpServer | undefined;
  const dispatcher = new Agent();
  afterEach(() => server?.close(0));

  it('is not ready, still serves, and closes connections after their reply', async () => {
    server = await createEdge();
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const before = await request(`${url}/ready`, { dispatcher });
    expect([before.statusCode, before.headers['connection']]).toEqual([200, 'keep-alive']);
    await before.body.dump();
    server.beginDrain();
    const ready = await request(`${url}/ready`, { dispatcher });
    expect(ready.statusCode).toBe(503);
    expect(await ready.body.json()).toMatchObject({ status: 'draining', checks: { cache: 'healthy' } });
    const served = await request(`${url}/v1/predict`, { ...predict, dispatcher });
    expect([served.statusCode, served.headers['connection']]).toEqual([200, 'close']);
    await served.body.dump();
    const health = await request(`${url}/health`, { dispatcher });
    expect(health.statusCode).toBe(200);
    await health.body.dump();
  });

  it('waits for requests in flight and takes no new connection', async () => {
    const prediction = new FakePrediction();
    const { promise: asked, resolve: tellAsked } = gate();
    const { promise: mayGo, resolve: letGo } = gate();
    prediction.before = () => {
      tellAsked();
      return mayGo;
    };
    server = await createEdge({ prediction });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const reply = request(`${url}/v1/predict`, { ...predict, dispatcher });
    await asked;
    const closed = server.close(5000);
    await expect(request(`${url}/health`, { dispatcher: new Agent() })).rejects.toThrow();
    letGo();
    expect((await reply).statusCode).toBe(200);
    await (await reply).body.dump();
    await closed;
  });

  it('cuts what is left at the deadline', async () => {
    const prediction = new FakePrediction();
    const { promise: asked, resolve: tellAsked } = gate();
    prediction.before = () => {
      tellAsked();
      return new Promise(() => undefined);
    };
    server = await createEdge({ prediction });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const reply = request(`${url}/v1/predict`, { ...predict, dispatcher });
    const failed = expect(reply).rejects.toThrow();
    await asked;
    await server.close(20);
    await failed;
  });

  it('may close before it ever listened', async () => {
    const unused = await createEdge();
    await expect(unused.close(10)).resolves.toBeUndefined();
  });
});
