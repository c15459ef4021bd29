import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { messageOf } from '../shared/errors.js';
import type { HttpObserver } from './observer.js';

export interface KeyPair {
  /** Certificate chain, PEM. */
  readonly cert: Buffer;
  /** Private key, PEM. */
  readonly key: Buffer;
}

export const minVersion = 'TLSv1.3';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

type CertificateObserver = Pick<HttpObserver, 'certificateReloaded' | 'certificateRefused'>;

/** The server's key pair on disk, which its owner may replace at any time (cert-manager does). */
export class TlsCertificates {
  readonly #files: CertificateFiles;
  readonly #observer: CertificateObserver;
  #current: KeyPair;
  /** Told once for each state of the files, not at every look. */
  #lastRefusal = '';

  private constructor(files: CertificateFiles, observer: CertificateObserver, current: KeyPair) {
    this.#files = files;
    this.#observer = observer;
    this.#current = current;
  }

  /** @throws Error that names the files when they cannot be read or are no pair. */
  static async open(files: CertificateFiles, observer: CertificateObserver): Promise<TlsCertificates> {
    try {
      return new TlsCertificates(files, observer, await readPair(files));
    } catch (error) {
      const { certFile, keyFile } = files;
      throw new Error(`tls.cert_file ${certFile} and tls.key_file ${keyFile}: ${messageOf(error)}`, { cause: error });
    }
  }

  get current(): KeyPair {
    return this.#current;
  }

  /** Hands a changed pair to `use`. Files that are no pair (one written, the other not yet) change nothing; the next look may. */
  async refresh(use: (pair: KeyPair) => void): Promise<void> {
    try {
      const pair = await readPair(this.#files);
      this.#lastRefusal = '';
      if (pair.cert.equals(this.#current.cert) && pair.key.equals(this.#current.key)) return;
      use(pair);
      this.#current = pair;
      this.#observer.certificateReloaded();
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#lastRefusal) this.#observer.certificateRefused(reason);
      this.#lastRefusal = reason;
    }
  }
}

async function readPair({ certFile, keyFile }: CertificateFiles): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  // Throws unless the key belongs to the certificate.
  createSecureContext({ cert, key, minVersion });
  return { cert, key };
}
