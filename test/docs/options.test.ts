import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { namedVariables } from '../../src/config/schema.js';
import { sections, settings } from '../../src/config/settings.js';

const prefix = 'inference_service.';
const keys = new Set([...settings, ...sections].map(({ key }) => key.replace(prefix, '')));
/** `redis`, `kafka`, … */
const topics = new Set(
  [...keys].filter((key) => !key.includes('.') && [...keys].some((one) => one.startsWith(`${key}.`))),
);
const variables = new Set([...settings.map(({ variable }) => variable), ...Object.keys(namedVariables)]);

const generated = new Set(['cli.md', 'configuration.md', 'errors.md', 'metrics.md']);
const pages = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md') && !generated.has(name))
    .map((name) => `docs/${name}`),
];

/** What looks like a key of the configuration: `redis.host`, also with a value behind it, but no file and no address. */
function keysIn(text: string): string[] {
  return [...text.matchAll(/`(?:config\.)?([a-z_]+(?:\.[a-z_]+)+)(?:[:=][^`]*)?`/g)]
    .map((match) => match[1] ?? '')
    .filter((key) => topics.has(key.split('.')[0] ?? '') && !/\.(yaml|json|md|onnx|db)$/.test(key));
}

describe('pages', () => {
  it.each(pages)('%s names only settings that exist', (page) => {
    expect(keysIn(readFileSync(page, 'utf8')).filter((key) => !keys.has(key))).toEqual([]);
  });

  it.each(pages)('%s names only variables that exist', (page) => {
    const named = [...readFileSync(page, 'utf8').matchAll(/\bINFERENCE_SERVICE__[A-Z_]+[A-Z]/g)].map(([name]) => name);
    expect(named.filter((name) => !variables.has(name.replace(/_FILE$/, '')) && !variables.has(name))).toEqual([]);
  });

  it('are read for settings at all', () => {
    expect(keysIn('`redis.hots` `cache.ttl_seconds: 5` `config.kafka.topic` `redis.yaml`')).toEqual([
      'redis.hots',
      'cache.ttl_seconds',
      'kafka.topic',
    ]);
    for (const page of ['redis', 'postgresql', 'kafka', 'production', 'open-inference'])
      expect(keysIn(readFileSync(`docs/${page}.md`, 'utf8')).length, page).toBeGreaterThan(4);
  });
});
