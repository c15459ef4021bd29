/** Front door of `http`: the edge where requests come in and replies go out. */
export { createHttpServer, type HttpServer, type HttpServerParts } from './server.js';
export type * from './admission.js';
export type * from './observer.js';
export type * from './reports.js';
export { errorStatus } from './error-status.js';
export { openApiDocument } from './openapi/document.js';
export type { MlflowWebhook } from './routes/webhooks.js';
export { TlsCertificates } from './tls-certificates.js';
export { serviceName } from './routes/health.js';
