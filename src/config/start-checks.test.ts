import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.js';
import { checkStart, isLoopback } from './start-checks.js';

function check(environment: Record<string, string>, hasApiKey = false) {
  const loaded = loadConfig({
    environment: { INFERENCE_SERVICE__MODELS__DIRECTORY: 'src', ...environment },
  });
  return checkStart(loaded, { cwd: process.cwd(), hasApiKey });
}
const keysOf = (environment: Record<string, string>, hasApiKey = false) =>
  check(environment, hasApiKey).map((one) => one.key.replace('inference_service.', ''));

describe('checks before the start', () => {
  it('lets development start', () => {
    expect(check({})).toEqual([]);
  });

  it('says all that production lacks, with commands', () => {
    const problems = check({ ENVIRONMENT: 'production' });
    const text = problems.map((one) => one.mend).join('\n');
    expect(problems.map((one) => one.key)).toEqual([
      'inference_service.auth.keys_file',
      'inference_service.tls.cert_file',
    ]);
    expect(text).toContain('bin/inference keys create');
    expect(text).toContain('openssl req -x509');
    expect(text).toContain('INFERENCE_SERVICE__TLS__CERT_FILE=data/tls.crt');
  });

  it('lets production start once it has what it needs', () => {
    const tls = {
      INFERENCE_SERVICE__TLS__CERT_FILE: 'package.json',
      INFERENCE_SERVICE__TLS__KEY_FILE: 'package.json',
    };
    expect(keysOf({ ENVIRONMENT: 'production', ...tls }, true)).toEqual([]);
    expect(keysOf({ ENVIRONMENT: 'production', ...tls, INFERENCE_SERVICE__AUTH__KEYS_FILE: 'absent.yaml' })).toEqual([
      'auth.keys_file',
    ]);
  });

  it('refuses an open address without authentication, unless that is said', () => {
    const open = { INFERENCE_SERVICE__HOST: '0.0.0.0' };
    const [problem] = check(open);
    expect(problem).toMatchObject({ key: 'inference_service.auth.mode', got: '"none"' });
    expect(problem?.mend).toContain('INFERENCE_SERVICE__AUTH__ALLOW_ANONYMOUS=true');
    expect(keysOf({ ...open, INFERENCE_SERVICE__AUTH__ALLOW_ANONYMOUS: 'true' })).toEqual([]);
    expect(keysOf({ ...open, INFERENCE_SERVICE__AUTH__MODE: 'required' }, true)).toEqual([]);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['127.0.0.1.example', false],
    ['10.0.0.1', false],
  ])('%s is loopback: %s', (host, loopback) => {
    expect(isLoopback(host)).toBe(loopback);
  });

  it('wants a plain URL of MLflow, and no folder of models beside it', () => {
    const name = 'MLFLOW_TRACKING_URI';
    const [problem] = check({ [name]: 'http://user:secret@mlflow' });
    expect(problem).toMatchObject({ key: 'inference_service.mlflow.tracking_uri', source: `variable ${name}` });
    expect(problem?.got).not.toContain('secret');
    expect(check({ [name]: 'http://mlflow:5000', INFERENCE_SERVICE__MODELS__DIRECTORY: 'absent' })).toEqual([]);
  });

  it('wants scoring servers whose version is plain', () => {
    const problems = (urls: object) =>
      check({ INFERENCE_SERVICE__MLFLOW__SCORING_URLS: JSON.stringify(urls) }).map(({ expected }) => expected);
    expect(problems({ 'iris/3': 'http://a', other: 'http://b-{version}:80' })).toEqual([]);
    expect(problems({ iris: 'http://a' })).toEqual([expect.stringContaining('tells its version')]);
    expect(problems({ 'iris/3': 'http://me:secret@a' })).toEqual([expect.stringContaining('without user')]);
  });

  it('wants a plain URL of the model server, and no folder of models beside it', () => {
    const name = 'INFERENCE_SERVICE__MODEL_SERVER__URL';
    const [problem] = check({ [name]: 'http://user:secret@model-server' });
    expect(problem).toMatchObject({ key: 'inference_service.model_server.url', source: `variable ${name}` });
    expect(problem?.got).not.toContain('secret');
    const alone = { [name]: 'http://model-server:8000', INFERENCE_SERVICE__MODELS__DIRECTORY: 'absent' };
    expect(check(alone)).toEqual([]);
  });

  it('wants one Redis, and the file that its certificate is checked against', () => {
    const redis = (rest: Record<string, string>) =>
      keysOf(
        Object.fromEntries(Object.entries(rest).map(([key, value]) => [`INFERENCE_SERVICE__REDIS__${key}`, value])),
      );
    expect(redis({ HOST: 'redis' })).toEqual([]);
    expect(redis({ SENTINELS: 's1:26379,[::1]:26379' })).toEqual([]);
    expect(redis({ HOST: 'redis', CLUSTER_NODES: 'n1:6379' })).toEqual(['redis.host']);
    expect(redis({ CLUSTER_NODES: 'n1:6379', DB: '1' })).toEqual(['redis.db']);
    expect(redis({ HOST: 'redis', TLS__ENABLED: 'true', TLS__CA_FILE: 'nowhere.pem' })).toEqual(['redis.tls.ca_file']);
  });

  it.each([
    ['postgres://user:secret@db:5433/x?sslmode=verify-full', undefined],
    ['postgresql://user@db/x', undefined],
    ['postgres://user:secret@/x?host=/run/postgresql', undefined],
    ['mysql://user:secret@db/x', 'must be postgres://USER'],
    ['postgres://db/x', 'must be postgres://USER'],
    ['postgres://user:secret@db', 'must be postgres://USER'],
    ['postgres://user:sec%ret@db/x', 'must be postgres://USER'],
    ['postgres://user:secret@db/x?sslmode=prefer', 'must have an sslmode of disable, require, verify-full'],
    ['postgres://user:secret@db/x?options=-c', 'must not have the parameter options'],
  ])('knows a database from %s', (url, expected) => {
    const problems = check({ DATABASE_URL: url });
    expect(problems.map((one) => one.expected)).toEqual(
      expected === undefined ? [] : [expect.stringContaining(expected)],
    );
    expect(JSON.stringify(problems)).not.toMatch(/secret|sec%ret/);
  });

  it('compares times that belong together', () => {
    expect(keysOf({ INFERENCE_SERVICE__HTTP__HEADERS_TIMEOUT_MS: '30000' })).toEqual(['http.headers_timeout_ms']);
    expect(keysOf({ INFERENCE_SERVICE__TIMEOUT_SECONDS: '60' })).toEqual(['timeout_seconds']);
  });

  it('names a models folder that is not there', () => {
    expect(keysOf({ INFERENCE_SERVICE__MODELS__DIRECTORY: 'nowhere' })).toEqual(['models.directory']);
  });
});
