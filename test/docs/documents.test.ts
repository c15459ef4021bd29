import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const documents = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync('docs/adr').map((name) => `docs/adr/${name}`),
];

describe('documents', () => {
  it.each(documents)('%s links to files that exist', (document) => {
    const links = [...readFileSync(document, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(
      (match) => match[1] ?? '',
    );
    expect(links.filter((link) => !existsSync(path.join(path.dirname(document), link)))).toEqual([]);
  });

  it('ARCHITECTURE.md names files and folders that exist', () => {
    const text = readFileSync('ARCHITECTURE.md', 'utf8');
    const named = [...text.matchAll(/`((?:src|test|config|docs|scripts|examples|bin|bench|deploy)\/[^`\s<]*)`/g)].map(
      (match) => match[1] ?? '',
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !existsSync(name))).toEqual([]);
  });

  it('never tells anyone to run somebody else’s package', () => {
    for (const document of documents) expect(readFileSync(document, 'utf8')).not.toContain('npx inference');
  });

  it('has generated documents that are as the code would write them', async () => {
    await promisify(execFile)('npx', ['--no-install', 'tsx', 'scripts/generate-docs.ts', '--check']);
  });
});
