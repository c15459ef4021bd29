import type { FastifyInstance } from 'fastify';
import type { Readiness } from '../reports.js';
import { jsonReply } from '../reply-content.js';
import type { Responder } from '../responder.js';

export const serviceName = 'inference-service';

/** Liveness tells of this process only, readiness whether traffic should come here. Open to all, never limited, never shed. */
export function healthRoutes(app: FastifyInstance, responder: Responder, readiness: () => Readiness): void {
  app.get('/health', (request, reply) => {
    responder.send(request, reply, jsonReply({ status: 'healthy', service: serviceName }));
  });

  app.get('/ready', (request, reply) => {
    const { status, checks } = readiness();
    const told = responder.draining ? 'draining' : status;
    const takesTraffic = told === 'ready' || told === 'degraded';
    if (!takesTraffic) reply.raw.setHeader('retry-after', '1');
    responder.send(request, reply, jsonReply({ status: told, service: serviceName, checks }, takesTraffic ? 200 : 503));
  });
}
