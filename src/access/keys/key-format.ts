import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * `isk_live_`, then 22 or more base62 characters (22 hold 130 random bits), then a checksum of 6. The prefix lets scanners find leaked
 * keys, `_` keeps a double click on the whole key, and the checksum tells a mistyped key from an unknown one without a look-up.
 */
const prefix = 'isk_live_';
const randomLength = 22;
const checksumLength = 6;
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const shape = /^isk_live_[0-9A-Za-z]{28,119}$/;

/** Characters of a key; what is longer is none. */
export const longestKey = 128;

/** A new secret. */
export function generateKey(): string {
  const body = prefix + randomBase62(randomLength);
  return body + checksumOf(body);
}

/** Whether the text has the form of a key and its checksum is right. Says nothing about whether such a key exists. */
export function isWellFormedKey(text: string): boolean {
  if (!shape.test(text)) return false;
  const end = text.length - checksumLength;
  return checksumOf(text.slice(0, end)) === text.slice(end);
}

/** SHA-256 of the whole key in lower-case hex: all that is ever stored. A slow hash would add nothing to 130 random bits. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex');
}

/** A public name for a key; not secret. */
export function generateKeyId(): string {
  return `key_${randomBase62(12)}`;
}

/** CRC-32 (zlib's) in base62, the most significant digit first. */
function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let digit = 0; digit < checksumLength; digit++) {
    text = alphabet.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/** Bytes of 248 and more are left out, so that every character is equally likely. */
function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % 62);
    }
  }
  return text;
}
