import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, type LoadRequest } from './load.js';
import { ConfigError, type ConfigProblem } from './problem.js';

const fixture = (name: string) => `test/fixtures/config/${name}.yaml`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function problemsOf(request: LoadRequest): readonly ConfigProblem[] {
  try {
    loadConfig({ environment: {}, ...request });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const problem = (request: LoadRequest, key: string) => problemsOf(request).find((one) => one.key.endsWith(key));

describe('layers', () => {
  it('takes the file of the environment, development without ENVIRONMENT', () => {
    expect(loadConfig({ environment: {} }).config.environment).toBe('development');
    const { config, sources } = loadConfig({ environment: { ENVIRONMENT: 'production' } });
    expect(config.inference_service.tls.mode).toBe('required');
    expect(sources.get('inference_service.tls.mode')).toMatch(/^config\/production\.yaml:\d+$/);
    expect(sources.get('environment')).toBe('variable ENVIRONMENT');
  });

  it('finds its own environment files from any folder', () => {
    expect(loadConfig({ environment: {}, cwd: folder }).config.inference_service.host).toBe('127.0.0.1');
  });

  it('lets flags win over variables, variables over the file, the file over defaults', () => {
    const key = 'inference_service.port';
    const file = path.join(folder, 'port.yaml');
    writeFileSync(file, 'inference_service:\n  port: 1001\n');
    const environment = { INFERENCE_SERVICE__PORT: '1002' };
    const flags = { [key]: { flag: '--port', text: '1003' } };
    const portAndSource = (request: LoadRequest) => {
      const { config, sources } = loadConfig({ environment: {}, ...request });
      return [config.inference_service.port, sources.get(key)];
    };
    writeFileSync(path.join(folder, 'empty.yaml'), '');
    expect(portAndSource({ file: path.join(folder, 'empty.yaml') })).toEqual([8000, 'default']);
    expect(portAndSource({ file })).toEqual([1001, `${file}:2`]);
    expect(portAndSource({ file, environment })).toEqual([1002, 'variable INFERENCE_SERVICE__PORT']);
    expect(portAndSource({ file, environment, flags })).toEqual([1003, 'flag --port']);
  });

  it("prefers the full variable to the specification's", () => {
    const { config, sources } = loadConfig({
      environment: { REDIS_PORT: '1', INFERENCE_SERVICE__REDIS__PORT: '2' },
    });
    expect(config.inference_service.redis.port).toBe(2);
    expect(sources.get('inference_service.redis.port')).toBe('variable INFERENCE_SERVICE__REDIS__PORT');
  });

  it('sets what each variable of the specification names', () => {
    const { config } = loadConfig({
      environment: {
        REDIS_HOST: 'redis',
        REDIS_PORT: '6380',
        REDIS_PASSWORD: '123',
        KAFKA_BOOTSTRAP_SERVERS: 'a:9092,b:9092',
        MLFLOW_TRACKING_URI: 'http://mlflow',
        MLFLOW_TRACKING_USERNAME: 'me',
        MLFLOW_TRACKING_PASSWORD: 'pass',
        MLFLOW_TRACKING_TOKEN: 'token',
        DATABASE_URL: 'postgres://db/x',
      },
    });
    const service = config.inference_service;
    expect(service.redis).toMatchObject({ host: 'redis', port: 6380, password: '123' });
    expect(service.kafka.bootstrap_servers).toBe('a:9092,b:9092');
    expect(service.mlflow).toMatchObject({ username: 'me', password: 'pass', token: 'token' });
    expect(service.mlflow.tracking_uri).toBe('http://mlflow');
    expect(service.database.url).toBe('postgres://db/x');
  });

  it('reads maps as name=value and as JSON, and names what is neither', () => {
    const key = 'INFERENCE_SERVICE__MLFLOW__SCORING_URLS';
    const urls = (text: string) =>
      loadConfig({ environment: { [key]: text } }).config.inference_service.mlflow.scoring_urls;
    expect(urls('iris/3=http://a:1, other=http://b-{version}')).toEqual({
      'iris/3': 'http://a:1',
      other: 'http://b-{version}',
    });
    expect(urls('{"iris/3": "http://a:1?x=y"}')).toEqual({ 'iris/3': 'http://a:1?x=y' });
    for (const text of ['iris', '{"iris"', 'iris=ftp://a', '../x=http://a']) {
      expect(() => urls(text), text).toThrow(key);
    }
  });

  it('treats an empty variable as unset, and reads booleans, lists and levels of any case', () => {
    const { config } = loadConfig({
      environment: {
        REDIS_HOST: '',
        INFERENCE_SERVICE__CACHE__ENABLED: 'FALSE',
        INFERENCE_SERVICE__HTTP__TRUST_PROXY: '10.0.0.0/8, 127.0.0.1',
        INFERENCE_SERVICE__HTTP__CORS_ORIGINS: '["https://a.example"]',
        INFERENCE_SERVICE__LOG_LEVEL: 'debug',
      },
    });
    const service = config.inference_service;
    expect(service.redis.host).toBeUndefined();
    expect(service.cache.enabled).toBe(false);
    expect(service.http.trust_proxy).toEqual(['10.0.0.0/8', '127.0.0.1']);
    expect(service.http.cors_origins).toEqual(['https://a.example']);
    expect(service.log_level).toBe('DEBUG');
  });

  it('reads a secret from the file that a _FILE variable names', () => {
    const file = path.join(folder, 'secret');
    writeFileSync(file, 'a-key-of-enough-length\n');
    const { config } = loadConfig({ environment: { INFERENCE_SERVICE__EVENTS__PII_KEY_FILE: file } });
    expect(config.inference_service.events.pii_key).toBe('a-key-of-enough-length');
    const missing = problem({ environment: { REDIS_PASSWORD_FILE: '/nowhere/secret' } }, 'redis.password');
    expect(missing?.source).toBe('variable REDIS_PASSWORD_FILE');
  });

  it('does not mistake a setting that ends in _file for a secret', () => {
    const { config } = loadConfig({ environment: { INFERENCE_SERVICE__AUTH__KEYS_FILE: 'keys.yaml' } });
    expect(config.inference_service.auth.keys_file).toBe('keys.yaml');
  });

  it('gives an optional section its defaults only once something of it is set', () => {
    expect(loadConfig({ environment: {} }).config.inference_service.auth.jwt).toBeUndefined();
    const { config } = loadConfig({
      environment: {
        INFERENCE_SERVICE__AUTH__JWT__ISSUER: 'i',
        INFERENCE_SERVICE__AUTH__JWT__AUDIENCE: 'a',
        INFERENCE_SERVICE__AUTH__JWT__JWKS_URL: 'https://i.example/keys',
      },
    });
    expect(config.inference_service.auth.jwt?.algorithms).toEqual(['RS256', 'ES256']);
  });

  it('freezes the result, lists included', () => {
    const { config } = loadConfig({ environment: {} });
    expect(Object.isFrozen(config.inference_service.cache)).toBe(true);
    expect(Object.isFrozen(config.inference_service.http.trust_proxy)).toBe(true);
  });
});

describe('demand 35: what is wrong', () => {
  it('lists five mistakes of a file at once, each with line, expected and got', () => {
    const problems = problemsOf({ file: fixture('five-mistakes') });
    const facts = Object.fromEntries(problems.map((one) => [one.key, one]));
    expect(Object.keys(facts).sort()).toEqual([
      'inference_service.auth',
      'inference_service.cache.max_retries',
      'inference_service.cache.ttl_second',
      'inference_service.port',
      'inference_service.workers',
    ]);
    expect(facts['inference_service.port']).toEqual({
      key: 'inference_service.port',
      source: `${fixture('five-mistakes')}:3`,
      expected: 'integer, 0 to 65535',
      got: '"http"',
    });
    expect(facts['inference_service.workers']?.got).toBe('0');
    expect(facts['inference_service.cache.ttl_second']?.mend).toBe('did you mean inference_service.cache.ttl_seconds?');
    expect(facts['inference_service.cache.max_retries']?.got).toBe('"2"');
    expect(facts['inference_service.auth']?.got).toBe('a value of type string');
  });

  it('lists five mistakes of five sources in well under a second, secrets masked', () => {
    const environment = {
      REDIS_PORT: 'six',
      INFERENCE_SERVICE__EVENTS__PII_KEY: 'hunter2',
      INFERENCE_SERVICE__HTTP__DOCS: 'yes',
      ENVIRONMENT: 'prod',
    };
    const flags = { 'inference_service.port': { flag: '--port', text: '99999' } };
    const begun = performance.now();
    const problems = problemsOf({ environment, flags });
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(problems.map(({ source, expected, got }) => ({ source, expected, got }))).toEqual(
      expect.arrayContaining([
        { source: 'variable ENVIRONMENT', expected: 'one of development, staging, production', got: '"prod"' },
        { source: 'variable REDIS_PORT', expected: 'integer, 1 to 65535', got: '"six"' },
        {
          source: 'variable INFERENCE_SERVICE__EVENTS__PII_KEY',
          expected: 'string, 16 characters or more',
          got: '********',
        },
        { source: 'variable INFERENCE_SERVICE__HTTP__DOCS', expected: 'true or false', got: '"yes"' },
        { source: 'flag --port', expected: 'integer, 0 to 65535', got: '99999' },
      ]),
    );
    expect(problems).toHaveLength(5);
    expect(new ConfigError(problems).message).not.toContain('hunter2');
  });

  it('warns of INFERENCE_ variables that set nothing, with the one that was meant', () => {
    const { warnings } = loadConfig({
      environment: {
        INFERENCE_SERVICE__CACHE__TTL_SECOND: '1',
        INFERENCE_SERVICE_PORT: 'tcp://10.0.0.1:80',
        OTHER: 'x',
      },
    });
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toContain('did you mean INFERENCE_SERVICE__CACHE__TTL_SECONDS?');
  });

  it('names a key that a section lacks', () => {
    expect(problem({ file: fixture('jwt-without-issuer') }, 'jwt.issuer')).toMatchObject({
      expected: 'string',
      got: 'nothing',
      source: `the section of ${fixture('jwt-without-issuer')}:5`,
    });
  });

  it.each([
    ['doubled-key', 'valid YAML', 3],
    ['not-yaml', 'valid YAML', 3],
  ])('refuses %s with its line', (name, expected, line) => {
    const problems = problemsOf({ file: fixture(name) });
    expect(problems[0]).toMatchObject({ expected, source: expect.stringContaining(`:${line}`) as string });
  });

  it('refuses a file that is not there, and a list in place of settings', () => {
    expect(problemsOf({ file: 'nowhere.yaml' })[0]).toMatchObject({ key: 'nowhere.yaml', expected: 'a readable file' });
    const file = path.join(folder, 'list.yaml');
    writeFileSync(file, '- 1\n');
    expect(problemsOf({ file })[0]).toMatchObject({ got: 'a value of type array' });
  });

  it('finds a key that stands in the wrong section', () => {
    const file = path.join(folder, 'misplaced.yaml');
    writeFileSync(file, 'ttl_seconds: 3\n');
    expect(problemsOf({ file })[0]?.mend).toBe('did you mean inference_service.cache.ttl_seconds?');
  });

  it('cuts the got of a long value, and names the list that an element is wrong in', () => {
    const file = path.join(folder, 'list-element.yaml');
    writeFileSync(file, `inference_service:\n  host: ""\n  http:\n    trust_proxy: [1, "${'x'.repeat(300)}"]\n`);
    const wrong = problem({ file }, 'http.trust_proxy');
    expect(wrong).toMatchObject({ expected: 'list of strings', source: `${file}:4` });
    expect(wrong?.got.length).toBeLessThan(130);
    expect(problem({ file }, '.host')?.expected).toBe('string, not empty');
  });
});
