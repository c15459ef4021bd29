import type { FastifyInstance } from 'fastify';
import { assetPaths, DocsAssets } from '../docs/assets.js';
import { docsContentSecurityPolicy, redocPage, redocStart, swaggerPage, swaggerStart } from '../docs/pages.js';
import { jsonReply, type ReplyContent } from '../reply-content.js';
import type { Responder } from '../responder.js';

/** /docs, /redoc and /openapi.json with all that they load: nothing comes from another host. */
export function docsRoutes(app: FastifyInstance, responder: Responder, openApi: object): void {
  const document = jsonReply(openApi);
  const texts: Readonly<Record<string, ReplyContent>> = {
    '/openapi.json': document,
    '/docs': html(swaggerPage),
    '/docs/start.js': javascript(swaggerStart),
    '/redoc': html(redocPage),
    '/redoc/start.js': javascript(redocStart),
  };
  for (const [path, content] of Object.entries(texts)) {
    app.get(path, (request, reply) => responder.send(request, reply, content));
  }

  const assets = new DocsAssets();
  for (const path of assetPaths) {
    app.get(path, (request, reply) => {
      assets
        .read(path)
        .then((asset) =>
          responder.send(request, reply, { status: 200, cacheControl: 'public, max-age=3600', ...asset }),
        )
        .catch((thrown: unknown) => responder.error(request, reply, thrown));
    });
  }
}

function html(body: string): ReplyContent {
  const contentType = 'text/html; charset=utf-8';
  return { status: 200, contentType, body, contentSecurityPolicy: docsContentSecurityPolicy };
}

function javascript(body: string): ReplyContent {
  return { status: 200, contentType: 'text/javascript; charset=utf-8', body };
}
