/** Front door of `grpc`: the second edge, beside http. */
export { GrpcServer, type GrpcServerParts } from './server.js';
export type * from './observer.js';
export type { CertificateSource, KeyPair } from './server-credentials.js';
