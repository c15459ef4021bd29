import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEdge, FakePrediction, RecordingHttpObserver } from '../../test/support/edge.js';
import type { HttpServer } from './index.js';

const origin = 'https://shop.example';
let observer: RecordingHttpObserver;
let prediction: FakePrediction;
let server: HttpServer;
let url: string;

beforeEach(async () => {
  observer = new RecordingHttpObserver();
  prediction = new FakePrediction();
  server = await createEdge({ observer, prediction, options: { cors_origins: [origin], trust_proxy: ['127.0.0.1'] } });
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => server.close(0));

const post = (path: string, headers: Record<string, string> = {}) =>
  fetch(url + path, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', ...headers } });

describe('a plain prediction, which Fastify never sees', () => {
  it.each(['/v1/predict', '/v1/predict/batch', '/v1/predict?a=1'])(
    '%s may be read by a listed origin',
    async (path) => {
      const reply = await post(path, { origin });
      expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
      expect(reply.headers.get('vary')).toBe('Origin');
      const other = await post(path, { origin: 'https://other.example' });
      expect([other.status, other.headers.get('access-control-allow-origin')]).toEqual([200, null]);
      expect(prediction.asked).toHaveLength(2);
    },
  );

  it('is counted by its path, without its query', async () => {
    for (const path of ['/v1/predict', '/v1/predict/batch', '/v1/predict?a=1']) await post(path);
    const routes = observer.finished.map(({ route, method, status }) => [route, method, status]);
    expect(routes).toEqual([
      ['/v1/predict', 'POST', 200],
      ['/v1/predict/batch', 'POST', 200],
      ['/v1/predict', 'POST', 200],
    ]);
  });

  it('leaves other methods and paths to Fastify', async () => {
    const asked = await fetch(`${url}/v1/predict`);
    expect([asked.status, asked.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await post('/v1/predictions')).status).toBe(404);
    expect(prediction.asked).toEqual([]);
  });
});
