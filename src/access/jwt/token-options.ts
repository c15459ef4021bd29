/** Signature algorithms that may be allowed: those whose verification key is public. Never `none`, never HS* (RFC 8725, section 3.1). */
export const publicKeyAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type PublicKeyAlgorithm = (typeof publicKeyAlgorithms)[number];

/** @throws Error that names those which are not accepted. */
export function checkAlgorithms(names: readonly string[]): PublicKeyAlgorithm[] {
  const allowed: readonly string[] = publicKeyAlgorithms;
  const refused = names.filter((name) => !allowed.includes(name));
  if (refused.length === 0) return names as PublicKeyAlgorithm[];
  throw new Error(
    `auth.jwt.algorithms: ${refused.join(', ')} cannot be accepted; choose among ${publicKeyAlgorithms.join(', ')}`,
  );
}
