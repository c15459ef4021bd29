import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateKey, generateKeyId, hashKey, isWellFormedKey } from './key-format.js';

const checksumOfZeros = '0BG6qx';

describe('API key', () => {
  it('has prefix, 22 random characters and a checksum', () => {
    const keys = Array.from({ length: 200 }, generateKey);
    for (const key of keys) expect(key).toMatch(/^isk_live_[0-9A-Za-z]{28}$/);
    expect(keys.every(isWellFormedKey)).toBe(true);
    expect(new Set(keys).size).toBe(200);
  });

  it('keeps its format: this key was made once and must verify for ever', () => {
    expect(isWellFormedKey('isk_live_0000000000000000000000' + checksumOfZeros)).toBe(true);
  });

  it('with one other character is not well formed', () => {
    const key = generateKey();
    fc.assert(
      fc.property(fc.nat(27), fc.constantFrom(...'09AZaz'), (index, character) => {
        const at = 'isk_live_'.length + index;
        fc.pre(key.charAt(at) !== character);
        expect(isWellFormedKey(key.slice(0, at) + character + key.slice(at + 1))).toBe(false);
      }),
    );
  });

  it.each(['', 'isk_live_', 'isk_test_' + 'a'.repeat(28), 'isk_live_' + 'a'.repeat(5000), 'isk_live_ü'])(
    'refuses %j',
    (text) => {
      expect(isWellFormedKey(text)).toBe(false);
    },
  );

  it('is kept as SHA-256', () => {
    expect(hashKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('has an id that is not secret', () => {
    expect(generateKeyId()).toMatch(/^key_[0-9A-Za-z]{12}$/);
  });
});
