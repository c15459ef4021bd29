/** Front door of `grpc`: the second edge, beside http. */
export { GrpcServer, type GrpcServerParts } from './server.js';
