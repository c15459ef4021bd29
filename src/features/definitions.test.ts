import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FeatureDefinitionsError, loadFeatureViews, parseFeatureViews } from './definitions.js';

const good = `
applicant_profile:
  entity: applicant_id
  table: risk.applicant_profile
  key: applicant_id
  timestamp: updated_at
  max_age_seconds: 2592000
  on_missing: default
  on_stale: serve
  on_unavailable: default
  pii: true
  features: {credit_score: integer, "odd name, äöü": string}
`;

function problemsOf(text: string) {
  try {
    parseFeatureViews(text, 'views.yaml');
  } catch (error) {
    if (error instanceof FeatureDefinitionsError) return error.problems;
    throw error;
  }
  return [];
}

const messages = (text: string) => problemsOf(text).map(({ line, path, message }) => `${line} ${path}: ${message}`);

describe('features.yaml', () => {
  it('gives views with all that was written', () => {
    const view = parseFeatureViews(good).get('applicant_profile');
    expect(view).toEqual({
      name: 'applicant_profile',
      entity: 'applicant_id',
      table: 'risk.applicant_profile',
      key: 'applicant_id',
      timestamp: 'updated_at',
      maxAgeSeconds: 2_592_000,
      onMissing: 'default',
      onStale: 'serve',
      onUnavailable: 'default',
      pii: true,
      features: [
        { name: 'credit_score', type: 'integer' },
        { name: 'odd name, äöü', type: 'string' },
      ],
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });

  it('fails on missing, stale and unavailable rows unless told otherwise', () => {
    const view = parseFeatureViews('v: {entity: e, table: t, key: k, features: {f: number}}').get('v');
    expect(view).toMatchObject({ onMissing: 'fail', onStale: 'fail', onUnavailable: 'fail', pii: false });
    expect(view).not.toHaveProperty('timestamp');
  });

  it.each(['', '# nothing\n', '{}'])('may be empty: %j', (text) => {
    expect(parseFeatureViews(text).size).toBe(0);
  });

  it('gives a fingerprint that changes with what a row is, not with policies', () => {
    const of = (text: string) => parseFeatureViews(text).get('applicant_profile')?.fingerprint;
    const base = of(good);
    for (const [from, to] of [
      ['credit_score: integer', 'credit_score: number'],
      ['credit_score: integer', 'credit_rank: integer'],
      ['key: applicant_id', 'key: id'],
      ['table: risk.', 'table: other.'],
      ['timestamp: updated_at', 'timestamp: changed_at'],
    ] as const)
      expect(of(good.replace(from, to)), to).not.toBe(base);
    expect(of(good.replace('on_stale: serve', 'on_stale: fail').replace('2592000', '60'))).toBe(base);
  });

  it('lists all problems at once, with their lines', () => {
    const text = `a:
  entity: e
  table: t
  keey: k
  on_stale: sometimes
  features: {f: float, g: integer}
b:
  entity: 3
  table: "x; drop"
  key: k
  max_age_seconds: 60
  features: {}
9lives: {entity: e, table: t, key: k, features: {f: number}}
c: nothing
`;
    expect(messages(text)).toEqual([
      '1 a: lacks key',
      '4 a.keey: unknown key; did you mean key?',
      '5 a.on_stale: must be one of fail, default, serve',
      '5 a.on_stale: needs `max_age_seconds`: without it no row is ever stale',
      '6 a.features.f: must be one of number, integer, boolean, string',
      '8 b.entity: must be string',
      '11 b.max_age_seconds: needs `timestamp`: without it the age of a row is unknown',
      '12 b.features: must name at least one feature',
      '13 9lives: a view name must start with a letter and hold only letters, digits, _ and -, at most 128',
      '14 c: must be object',
    ]);
  });

  it.each([
    ['a table in three parts', 'table: t', 'table: a.b.c', '3 v.table: is not a name that a table or column can have'],
    ['a quote in a key', 'key: k', `key: 'k"'`, '4 v.key: is not a name that a table or column can have'],
    [
      'an age of zero',
      'features:',
      'max_age_seconds: 0\n  timestamp: u\n  features:',
      '5 v.max_age_seconds: must be > 0',
    ],
    [
      'the key as a feature',
      '{f: number}',
      '{f: number, k: string}',
      '5 v.features: k is the key or the timestamp and cannot be a feature too',
    ],
    [
      'key and timestamp alike',
      'features:',
      'timestamp: k\n  features:',
      '5 v.timestamp: is the same column as the key',
    ],
    [
      'a NUL in a feature',
      '{f: number}',
      '{"a\\0b": number}',
      '5 v.features.a\0b: is not a name that a column can have',
    ],
    ['an unknown key like no other', 'key: k', 'key: k\n  xyzzy: 1', '5 v.xyzzy: unknown key'],
  ])('refuses %s', (_, from, to, expected) => {
    const text = 'v:\n  entity: e\n  table: t\n  key: k\n  features: {f: number}\n';
    expect(messages(text)).toEqual([]);
    expect(messages(text.replace(from, to))).toEqual([expected]);
  });

  it('refuses two views of one name, and YAML that is none', () => {
    const view = '{entity: e, table: t, key: k, features: {f: number}}';
    expect(messages(`a: ${view}\na: ${view}\n`)).toEqual(['2 : Map keys must be unique']);
    expect(problemsOf('a: [1')[0]?.line).toBe(1);
    expect(messages('- a')).toEqual(['1 : must be object']);
  });

  it('names file and line in its message', () => {
    expect(() => parseFeatureViews('a: 1', 'views.yaml')).toThrow('views.yaml:1: a: must be object');
  });

  it('is read from a file; an absent one is no views, an unreadable one an error', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'features-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'features.yaml'), good);
    expect((await loadFeatureViews(join(folder, 'features.yaml'))).size).toBe(1);
    expect((await loadFeatureViews(join(folder, 'none.yaml'))).size).toBe(0);
    await expect(loadFeatureViews(folder)).rejects.toThrow('EISDIR');
  });
});
