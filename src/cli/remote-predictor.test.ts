import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { RemotePredictor } from './remote-predictor.js';

let server: Server | undefined;
afterEach(async () => {
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

const model = {
  model_id: 'iris',
  default_version: '2',
  aliases: { old: '1' },
  problems: [],
  versions: [
    { version: '1', features: { title: 'one' } },
    { version: '2', features: { title: 'two' }, entities: { plant_id: ['width'] } },
    { version: '3' },
  ],
};

describe('RemotePredictor', () => {
  it('reads the signature of the version that answers, of one named, and of an alias', async () => {
    const url = await serve((request, response) => {
      expect(request.url).toBe('/base/v1/models/iris');
      response.end(JSON.stringify(model));
    });
    const predictor = new RemotePredictor({ url: `${url}/base/` }, 'iris');
    expect(await predictor.signature()).toEqual({ features: { title: 'two' }, entities: ['plant_id'] });
    expect(await predictor.signature('1')).toEqual({ features: { title: 'one' }, entities: [] });
    expect(await predictor.signature('@old')).toEqual({ features: { title: 'one' }, entities: [] });
    await expect(predictor.signature('3')).rejects.toThrow('no version 3');
    await predictor.close();
  });

  it('sends the body and the key', async () => {
    const url = await serve((request, response) => {
      expect(request.headers['x-api-key']).toBe('k');
      expect(request.url).toBe('/v1/predict/batch');
      request.pipe(response);
    });
    const predictor = new RemotePredictor({ url, apiKey: 'k' }, 'iris');
    expect(await predictor.predictBatch('{"results":[]}')).toEqual({ results: [] });
    await predictor.close();
  });

  it('tries again what was refused for now, five times', async () => {
    let calls = 0;
    const url = await serve((_request, response) => {
      calls++;
      response
        .writeHead(429, { 'retry-after': '0' })
        .end('{"error_code":"RATE_LIMIT_EXCEEDED","message":"Rate limit exceeded"}');
    });
    const predictor = new RemotePredictor({ url }, 'iris');
    await expect(predictor.predictBatch('{}')).rejects.toThrow(
      'the server answered 429 RATE_LIMIT_EXCEEDED: Rate limit exceeded',
    );
    expect(calls).toBe(5);
    await predictor.close();
  });

  it('says what a server answered that is not this program, and that none answers', async () => {
    const url = await serve((_request, response) => response.writeHead(502).end('<html>'));
    const predictor = new RemotePredictor({ url }, 'iris');
    await expect(predictor.predictBatch('{}')).rejects.toThrow('the server answered 502');
    await predictor.close();
    const nobody = new RemotePredictor({ url: 'http://127.0.0.1:1' }, 'iris');
    await expect(nobody.predictBatch('{}')).rejects.toThrow('the server does not answer');
    await nobody.close();
  });
});
