import type { Config } from '../config/schema.js';
import type { GrpcObserver, GrpcServer, GrpcServerParts } from '../grpc/index.js';
import { serviceName, TlsCertificates } from '../http/index.js';
import { systemClock } from '../shared/clock.js';
import type { Access } from './open-access.js';
import { packageVersion } from './package-version.js';

export interface GrpcCollaborators extends Pick<
  GrpcServerParts,
  'inference' | 'catalogue' | 'control' | 'admission' | 'beginTrace'
> {
  readonly access: Access;
}

/** The gRPC edge; it does not listen yet. @throws Error that names the files when TLS is required and its key pair cannot be used. */
export async function openGrpc(
  config: Config,
  { access, ...parts }: GrpcCollaborators,
  observer: GrpcObserver,
): Promise<GrpcServer> {
  const { http, tls } = config.inference_service;
  // Loaded only where it is used, as it takes its time.
  const { GrpcServer } = await import('../grpc/index.js');
  return new GrpcServer({
    ...parts,
    authenticator: access.authenticator,
    limiter: access.limiter,
    isReady: () => parts.catalogue.readiness().settled && parts.catalogue.readiness().ready > 0,
    clock: systemClock,
    maxMessageBytes: http.max_body_bytes,
    certificates: await certificatesOf(tls),
    observer,
    name: serviceName,
    version: packageVersion(),
  });
}

/** The HTTP server reads the same files, and tells what it finds. */
const untold = { certificateReloaded: () => undefined, certificateRefused: () => undefined };

function certificatesOf({ mode, cert_file: certFile, key_file: keyFile }: Config['inference_service']['tls']) {
  if (mode !== 'required' || certFile === undefined || keyFile === undefined) return undefined;
  return TlsCertificates.open({ certFile, keyFile }, untold);
}
