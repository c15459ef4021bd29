import { createHmac, createSecretKey } from 'node:crypto';
import type { FeatureValue } from '../shared/feature-value.js';

/** What stands for a personal value in an event; undefined: it is left out. */
export type Pseudonym = (value: FeatureValue) => string | undefined;

/**
 * HMAC-SHA-256 (RFC 2104), 64 hex digits, over the UTF-8 text of the value: a string as it is, anything else as JSON. So the
 * entity 17 has one pseudonym whether a caller sends 17 or "17", and a consumer that holds the key can find it again.
 */
export function pseudonymUnder(key: string | undefined): Pseudonym {
  if (key === undefined) return () => undefined;
  const secret = createSecretKey(Buffer.from(key, 'utf8'));
  return (value) =>
    createHmac('sha256', secret)
      .update(typeof value === 'string' ? value : JSON.stringify(value))
      .digest('hex');
}
