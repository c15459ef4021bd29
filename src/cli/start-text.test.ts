import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.js';
import type { ModelDescription } from '../models/index.js';
import { startText } from './start-text.js';

const { config } = loadConfig({ environment: {}, file: '/dev/null' });
const withService = (rest: object) =>
  ({ ...config, inference_service: { ...config.inference_service, ...rest } }) as typeof config;

function model(id: string, example: object, entities = {}): ModelDescription {
  const version = {
    version: '1',
    state: 'ready' as const,
    reasons: [],
    aliases: [],
    entities,
    example: example as never,
  };
  return { model_id: id, versions: [version], aliases: {}, default_version: '1', problems: [] };
}

describe('startText', () => {
  it('shows a call with stored features if there is one, else the shortest', () => {
    const long = model('long', { model_id: 'long', features: { pixels: [1, 2, 3] } });
    const short = model('short', { model_id: 'short' });
    const stored = model(
      'stored',
      { model_id: 'stored', features: { a: 'much longer than the others are' } },
      { id: ['a'] },
    );
    expect(startText(config, { port: 1, models: [long, short] })).toContain('-d \'{"model_id":"short"}\'');
    expect(startText(config, { port: 1, models: [long, short, stored] })).toContain('"model_id":"stored"');
  });

  it('speaks of keys and certificates where they are needed, and of no documentation where there is none', () => {
    const closed = withService({
      host: '0.0.0.0',
      auth: { ...config.inference_service.auth, mode: 'required' },
      tls: { mode: 'required', cert_file: 'data/tls.crt', key_file: 'data/tls.key' },
      http: { ...config.inference_service.http, docs: false },
    });
    const text = startText(closed, { port: 8443, models: [model('m', { model_id: 'm' })] });
    expect(text).toContain(
      "curl -s https://localhost:8443/v1/predict -H 'content-type: application/json' -H 'x-api-key: YOUR-KEY' --cacert 'data/tls.crt'",
    );
    expect(text).not.toContain('/docs');
  });

  it('writes an IPv6 address as a URL wants it', () => {
    expect(startText(withService({ host: '::1' }), { port: 8000, models: [] })).toContain('http://[::1]:8000');
    expect(startText(withService({ host: '::' }), { port: 8000, models: [] })).toContain('http://localhost:8000');
  });

  it('says how to get a model where there is none, and that none answers', () => {
    expect(startText(config, { port: 1, models: [] })).toContain('bin/inference models import');
    const idle = { ...model('idle', {}), default_version: null };
    expect(startText(config, { port: 1, models: [idle] })).toContain('Model idle: 1; none answers');
  });
});
