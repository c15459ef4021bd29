import { describe, expect, it } from 'vitest';
import { KeysFileError, parseKeysFile, readKeysFile } from './keys-file.js';

const sha256 = 'a'.repeat(64);

function problemsOf(text: string): readonly string[] {
  try {
    parseKeysFile('keys.yaml', text);
  } catch (error) {
    if (error instanceof KeysFileError) return error.problems;
  }
  return [];
}

describe('the keys file', () => {
  it('may be empty', () => {
    expect(parseKeysFile('keys.yaml', '# none yet\n')).toEqual([]);
  });

  it('takes dates and times with offset', () => {
    const text = ['2027-01-01', '2027-01-01T01:00:00+01:00'].map(
      (time, index) => `- {label: a, sha256: '${String(index).repeat(64)}', scopes: [admin], expires_at: ${time}}\n`,
    );
    const entries = parseKeysFile('keys.yaml', text.join(''));
    expect(entries.map(({ expiresAt }) => expiresAt)).toEqual([1_798_761_600_000, 1_798_761_600_000]);
  });

  it('is refused with every problem and its line, never a value', () => {
    const problems = problemsOf(`
- {label: a, sha256: isk_live_pasted_by_mistake, scopes: [admin]}
- {lable: b, sha256: '${sha256}', scopes: [root, 3]}
- {label: c, sha256: '${sha256}', scopes: [], expires_at: tomorrow, requests_per_minute: 0}
- just text
- {label: d, sha256: '${'b'.repeat(64)}', scopes: [admin], zzzzzzzzzzzz: 1}
`);
    expect(problems).toEqual([
      expect.stringMatching(/^keys\.yaml:2: key 1: sha256 must be 64 lower-case/),
      expect.stringMatching(/^keys\.yaml:3: key 2: a field that is not known; was label meant\?/),
      expect.stringMatching(/^keys\.yaml:3: key 2: label must be a text .* got nothing/),
      expect.stringMatching(/^keys\.yaml:3: key 2: scopes holds 2 that are none of/),
      expect.stringMatching(/^keys\.yaml:4: key 3: scopes must be a list/),
      expect.stringMatching(/^keys\.yaml:4: key 3: expires_at must be/),
      expect.stringMatching(/^keys\.yaml:4: key 3: requests_per_minute must be/),
      expect.stringMatching(/^keys\.yaml:4: key 3: sha256 is that of key 2/),
      expect.stringMatching(/^keys\.yaml:5: key 4: expected \{label, sha256/),
      expect.stringMatching(/^keys\.yaml:6: key 5: a field that is not known$/),
    ]);
    expect(problems.join()).not.toContain('isk_live_pasted');
  });

  it.each([
    ['label: a\n', 'a mapping'],
    ['text', 'a scalar'],
  ])('is refused when it is no list: %j', (text, kind) => {
    expect(problemsOf(text)).toEqual([`keys.yaml: expected a list of keys, got ${kind}`]);
  });

  it('is refused when it is no YAML', () => {
    expect(problemsOf('- {label: "a\n')[0]).toMatch(/^keys\.yaml:\d: /);
  });

  it('is refused when it cannot be read', async () => {
    await expect(readKeysFile('/nonexistent/keys.yaml')).rejects.toThrow(/keys file cannot be used:\n.*ENOENT/);
  });
});
