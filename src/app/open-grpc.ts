import { readFile } from 'node:fs/promises';
import type { Config } from '../config/schema.js';
import { GrpcServer, type GrpcServerParts } from '../grpc/index.js';
import { serviceName } from '../http/index.js';
import { systemClock } from '../shared/clock.js';
import type { Access } from './open-access.js';
import { packageVersion } from './package-version.js';

export interface GrpcCollaborators extends Pick<GrpcServerParts, 'inference' | 'catalogue' | 'admission'> {
  readonly access: Access;
}

/** The gRPC edge; it does not listen yet. */
export async function openGrpc(config: Config, { access, ...parts }: GrpcCollaborators): Promise<GrpcServer> {
  const { http, tls } = config.inference_service;
  return new GrpcServer({
    ...parts,
    authenticator: access.authenticator,
    limiter: access.limiter,
    isReady: () => parts.catalogue.readiness().settled && parts.catalogue.readiness().ready > 0,
    clock: systemClock,
    maxMessageBytes: http.max_body_bytes,
    keyPair: await keyPairOf(tls),
    name: serviceName,
    version: packageVersion(),
  });
}

async function keyPairOf({ mode, cert_file: cert, key_file: key }: Config['inference_service']['tls']) {
  if (mode !== 'required' || cert === undefined || key === undefined) return undefined;
  return { cert: await readFile(cert), key: await readFile(key) };
}
