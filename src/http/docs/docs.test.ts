import { afterEach, describe, expect, it } from 'vitest';
import { createEdge } from '../../../test/support/edge.js';
import type { HttpServer } from '../index.js';
import { assetPaths, DocsAssets } from './assets.js';

describe('documentation pages', () => {
  let server: HttpServer | undefined;
  afterEach(() => server?.close(0));

  it.each(['/docs', '/redoc'])('%s has a strict policy, and all that it loads is served', async (path) => {
    server = await createEdge();
    const page = await server.app.inject(path);
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
    expect(page.body).not.toMatch(/<script>|https?:\/\//);
    const loaded = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(loaded.length).toBeGreaterThanOrEqual(3);
    for (const url of loaded) expect((await server.app.inject(url)).statusCode, url).toBe(200);
  });

  it('serves every asset with its type, to be kept by browsers', async () => {
    server = await createEdge();
    for (const url of assetPaths) {
      const reply = await server.app.inject(url);
      expect(reply.statusCode).toBe(200);
      expect(reply.headers['content-type']).toMatch(/^(text\/css|text\/javascript|image\/png)/);
      expect(reply.headers['cache-control']).toBe('public, max-age=3600');
      expect(reply.body.length).toBeGreaterThan(100);
    }
  });

  it('asks no outside host for a picture', async () => {
    const { body } = await new DocsAssets().read('/redoc/redoc.standalone.js');
    expect(body.includes('cdn.redoc.ly')).toBe(false);
  });

  it('knows no other file', async () => {
    await expect(new DocsAssets().read('/docs/../package.json')).rejects.toThrow('No documentation file');
  });

  it('serves the document', async () => {
    server = await createEdge();
    const reply = await server.app.inject('/openapi.json');
    expect(reply.json()).toMatchObject({ openapi: '3.0.3', info: { version: '0.0.0' } });
  });

  it('serves none of it when switched off', async () => {
    server = await createEdge({ options: { docs: false } });
    for (const url of ['/docs', '/redoc', '/openapi.json', ...assetPaths]) {
      expect((await server.app.inject(url)).statusCode, url).toBe(404);
    }
  });
});
