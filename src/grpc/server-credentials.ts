import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';

/** PEM. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A key pair on disk that its owner may replace. */
export interface CertificateSource {
  readonly current: KeyPair;
  /** Looks again, and hands a changed pair to `use`. Never rejects. */
  refresh(use: (pair: KeyPair) => void): Promise<void>;
}

const minVersion = 'TLSv1.3';

/** TLS 1.3 whose key pair can be replaced: new connections get the new one, those that are there stay. */
export class ReplaceableCredentials extends ServerCredentials {
  constructor(pair: KeyPair) {
    super({}, contextOf(pair));
  }

  use(pair: KeyPair): void {
    this.updateSecureContextOptions(contextOf(pair));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ cert, key }: KeyPair): SecureContextOptions {
  return { cert, key, minVersion };
}
