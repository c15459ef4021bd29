import { describe, expect, it } from 'vitest';
import { configurationMarkdown, environmentExample } from './describe.js';
import { loadConfig } from './load.js';
import { settings } from './settings.js';

describe('generated documentation', () => {
  it('has every setting in both documents', () => {
    const markdown = configurationMarkdown();
    const example = environmentExample();
    for (const setting of settings) {
      expect(markdown).toContain(`\`${setting.path.at(-1)}\``);
      expect(example).toContain(`#${setting.variable}=`);
    }
  });

  it('describes every setting in a sentence', () => {
    for (const { key, schema } of settings) expect(schema.description, key).toMatch(/\S{2}/);
  });

  it('gives examples that the loader takes as they are', () => {
    const environment = Object.fromEntries(
      environmentExample()
        .split('\n')
        .filter((line) => /^#[A-Z_]+=/.test(line))
        .map((line) => line.slice(1).split('=') as [string, string])
        // An optional section that is begun must be complete: its examples are not all values.
        .filter(([name]) => !/__(AUTH__JWT|KAFKA__SASL)__/.test(name)),
    );
    const { config, warnings } = loadConfig({ environment, file: '/dev/null' });
    expect(warnings).toEqual([]);
    expect(config).toEqual(loadConfig({ environment: {}, file: '/dev/null' }).config);
  });
});

describe('secrets', () => {
  it('marks every setting whose name or description says secret or password', () => {
    const suspects = settings.filter(({ path, schema }) =>
      /password|secret|token|pii_key/i.test(
        `${path.at(-1)} ${/^Secret/.test(schema.description ?? '') ? 'secret' : ''}`,
      ),
    );
    expect(suspects.map((one) => one.key)).not.toEqual([]);
    for (const suspect of suspects) expect(suspect.secret, suspect.key).toBe(true);
  });
});
