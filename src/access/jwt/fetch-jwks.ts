import type { JSONWebKeySet, JWK } from 'jose';
import { request } from 'undici';
import { isPlainObject } from '../../shared/json.js';

/** Gets an issuer's keys. Rejects with an Error that says why not. */
export type FetchJwks = () => Promise<JSONWebKeySet>;

const largestBytes = 256 * 1024;
const timeoutMs = 3000;
const publicKeyTypes = ['RSA', 'EC', 'OKP'];

/** Reads a JSON Web Key Set (RFC 7517) by HTTP: within 3 s, at most 256 KiB, redirects not followed, symmetric keys left out. */
export function jwksFetcher(url: string): FetchJwks {
  return async () => {
    const signal = AbortSignal.timeout(timeoutMs);
    const { statusCode, body } = await request(url, { signal, headers: { accept: 'application/json' } });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`The issuer's keys: status ${statusCode} instead of 200`);
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > largestBytes) throw new Error(`The issuer's keys: more than ${largestBytes} bytes`);
      chunks.push(chunk);
    }
    return parseJwks(Buffer.concat(chunks).toString('utf8'));
  };
}

/** @throws Error when the text is no key set, or has no key that could verify a signature. */
export function parseJwks(text: string): JSONWebKeySet {
  const value: unknown = JSON.parse(text);
  const keys: unknown = isPlainObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys)) throw new Error("The issuer's keys: not a JSON Web Key Set");
  const usable = (keys as JWK[]).filter((key) => isPlainObject(key) && publicKeyTypes.includes(String(key.kty)));
  if (usable.length === 0) throw new Error("The issuer's keys: no public key among them");
  return { keys: usable };
}
