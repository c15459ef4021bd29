import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { dataPaths } from '../data-paths.js';
import { eventOperations } from './events.js';
import { seedFeatures } from './features.js';
import { operations } from './operations.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'offline-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (name: string) => path.join(folder, name);

/** Everything below the test's folder. */
function config(rest: Record<string, string> = {}): Config {
  const flags = {
    'inference_service.data': inFolder('data'),
    'inference_service.models.directory': inFolder('models'),
    'inference_service.features.file': inFolder('features.yaml'),
    ...rest,
  };
  const entries = Object.entries(flags).map(([key, text]) => [key, { flag: key, text }] as const);
  return loadConfig({ environment: {}, file: '/dev/null', flags: Object.fromEntries(entries) }).config;
}

const columns = ['sepal_length', 'sepal_width', 'petal_length', 'petal_width'];
const iris = { file: path.resolve('test/fixtures/models/zipmap-strings.onnx'), modelId: 'iris', version: '1' };

describe('models', () => {
  const { models } = operations;

  it('imports, checks, lists, promotes and retires', async () => {
    const { manifest, report } = await models.import(config(), { ...iris, columns });
    expect(report).toMatchObject({ modelId: 'iris', version: '1', ok: true, problems: [] });
    expect(readFileSync(manifest, 'utf8')).toContain('sepal_length');
    await models.import(config(), { ...iris, version: '2', columns });
    expect(await models.promote(config(), { modelId: 'iris', version: '1' }, 'production')).toBeUndefined();
    expect(await models.promote(config(), { modelId: 'iris', version: '2' }, 'production')).toBe('1');
    const [model] = await models.list(config());
    expect(model).toMatchObject({
      model_id: 'iris',
      default_version: '2',
      versions: [{ version: '1' }, { version: '2' }],
    });
    await expect(models.retire(config(), { modelId: 'iris', version: '2' }, false)).rejects.toThrow('production');
    const retired = await models.retire(config(), { modelId: 'iris', version: '2' }, true);
    expect(retired.aliases).toEqual(['production']);
    expect(existsSync(path.join(retired.folder, 'model.onnx'))).toBe(true);
    expect((await models.check(config())).map(({ version, ok }) => [version, ok])).toEqual([['1', true]]);
  });

  it('names a file that is no model', async () => {
    const file = path.resolve('test/fixtures/models/truncated.onnx');
    await expect(models.import(config(), { ...iris, file })).rejects.toThrow(`${file}: is truncated`);
  });

  it('says that columns have no names', async () => {
    const { report } = await models.import(config(), iris);
    expect(report.notes.join('\n')).toContain('--columns');
  });

  it('reports what is wrong with versions, aliases and the folder', async () => {
    const folderReport = await models.check(config());
    expect(folderReport).toMatchObject([{ ok: false, problems: [expect.stringContaining('does not exist')] }]);
    await models.import(config(), { ...iris, columns });
    copyFileSync('test/fixtures/models/truncated.onnx', inFolder('models/iris/1/model.onnx'));
    writeFileSync(inFolder('models/iris/aliases.yaml'), 'production: [1]\n');
    const reports = await models.check(config(), 'iris');
    expect(reports.map(({ version, ok }) => [version, ok])).toEqual([
      ['as a whole', false],
      ['1', false],
    ]);
    expect(await models.check(config(), 'iris', '9')).toEqual([]);
    const [model] = await models.list(config());
    expect(model?.versions[0]).toMatchObject({ state: 'failed', reasons: [expect.stringContaining('model.onnx')] });
  });

  it('names the golden rows that disagree', async () => {
    const { manifest } = await models.import(config(), { ...iris, columns });
    const features = '{sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2}';
    const golden = (label: string) =>
      readFileSync(manifest, 'utf8').replace(/\nexamples:[^]*$/, '') +
      `\nexamples:\n  - {features: ${features}, prediction: {label: ${label}}}\n`;
    writeFileSync(manifest, golden('virginica'));
    const [wrong] = await models.check(config(), 'iris', '1');
    expect(wrong?.ok).toBe(false);
    expect(wrong?.problems.join('\n')).toContain('golden row 0');
  });
});

describe('predictor', () => {
  const body = (features: object) => JSON.stringify({ model_id: 'iris', instances: [{ features }] });

  it('answers as the service does, and leaves no event', async () => {
    await operations.models.import(config(), { ...iris, columns });
    const predictor = await operations.openPredictor(config(), 'iris');
    try {
      const signature = await predictor.signature();
      expect(Object.keys(signature.features['properties'] as object)).toEqual(columns);
      await expect(predictor.signature('7')).rejects.toThrow('no version 7');
      const row = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 };
      const { results } = await predictor.predictBatch(body(row));
      expect(results[0]).toMatchObject({ prediction: { label: 'setosa' } });
      const { results: bad } = await predictor.predictBatch(body({ ...row, petal_width: '0.2' }));
      expect(bad[0]).toMatchObject({ error: { error_code: 'FEATURE_VALIDATION_FAILED' } });
    } finally {
      await predictor.close();
    }
    expect(existsSync(path.join(dataPaths(inFolder('data')).root, 'events'))).toBe(false);
  });

  it('fails for a model that is not there', async () => {
    await operations.models.import(config(), { ...iris, columns });
    await expect(operations.openPredictor(config(), 'irs')).rejects.toThrow(
      /there is no model irs .*did you mean iris\?/,
    );
  });
});

describe('features', () => {
  const { features } = operations;
  const view = 'person:\n  entity: person_id\n  table: person\n  key: person_id\n  features: {age: integer}\n';

  beforeEach(() => {
    writeFileSync(inFolder('features.yaml'), view);
    writeFileSync(inFolder('person.csv'), 'person_id,age,note\nA,3,x\nB,4,y\n');
  });

  it('imports, gets and verifies', async () => {
    expect((await features.verify(config()))[0]?.problems).toHaveLength(1);
    const seen: [number, number][] = [];
    const onProgress = (done: number, total: number) => void seen.push([done, total]);
    const result = await features.import(config(), { file: inFolder('person.csv'), view: 'person', onProgress });
    expect(result).toEqual({ rows: 2, ignoredColumns: ['note'], problems: [], problemCount: 0 });
    expect(seen.at(-1)).toEqual([31, 31]);
    expect(await features.get(config(), 'person', 'B')).toMatchObject({ features: { age: 4 }, updated_at: null });
    expect(await features.get(config(), 'person', 'C')).toBeUndefined();
    expect(await features.verify(config())).toEqual([{ view: 'person', problems: [] }]);
  });

  it('lists bad rows with line and column, and imports none', async () => {
    writeFileSync(inFolder('person.csv'), 'person_id,age\nA,3\nB,four\n');
    const result = await features.import(config(), { file: inFolder('person.csv'), view: 'person' });
    expect(result).toMatchObject({ rows: 0, problemCount: 1, problems: [{ line: 3 }] });
    expect(result.problems[0]?.message).toContain('age: ');
  });

  it('names the view that was meant', async () => {
    await expect(features.get(config(), 'persn', 'A')).rejects.toThrow('did you mean person?');
    await expect(features.get(config(), 'something else', 'A')).rejects.toThrow('it has: person');
  });

  it('fills an absent store once, from the seed folder', async () => {
    const seeded = config({ 'inference_service.features.seed_directory': folder });
    expect([...(await seedFeatures(seeded))]).toEqual([['person', 2]]);
    expect((await seedFeatures(seeded)).size).toBe(0);
    expect((await seedFeatures(config())).size).toBe(0);
  });

  it('stops at a seed file with a bad row', async () => {
    writeFileSync(inFolder('person.csv'), 'person_id,age\nA,old\n');
    const seeded = config({ 'inference_service.features.seed_directory': folder });
    await expect(seedFeatures(seeded)).rejects.toThrow('person.csv:2: age');
  });
});

describe('keys', () => {
  it('tells whether a key would be let in, and makes no store to find out', async () => {
    expect(await operations.hasApiKey(config())).toBe(false);
    expect(existsSync(inFolder('data'))).toBe(false);
    const keys = await operations.openKeys(config());
    const { id } = await keys.create({ label: 'shop', scopes: ['predict:*'] });
    expect(await operations.hasApiKey(config())).toBe(true);
    await keys.revoke(id);
    await keys.close();
    expect(await operations.hasApiKey(config())).toBe(false);
  });

  it('declares a key without storing it', () => {
    expect(operations.declareKey({ label: 'shop', scopes: ['predict:*'] }).entry).toContain('sha256');
    expect(existsSync(inFolder('data'))).toBe(false);
  });
});

describe('events', () => {
  const event = (id: number) =>
    JSON.stringify({ id: String(id), data: { model_id: 'iris', status: 'success', error_code: null } });

  beforeEach(() => {
    mkdirSync(inFolder('data/events'), { recursive: true });
    writeFileSync(inFolder('data/events/events-w1.jsonl'), [1, 2, 3].map((id) => `${event(id)}\n`).join(''));
  });

  const tail = async (count: number, rest: { follow?: boolean; onEvent?: (json: string) => void } = {}) => {
    const lines: string[] = [];
    const onEvent = (json: string) => {
      lines.push(json);
      rest.onEvent?.(json);
      return Promise.resolve();
    };
    const stop = new AbortController();
    await eventOperations.tail(config(), { count, follow: rest.follow === true, signal: stop.signal, onEvent });
    return lines;
  };

  it('prints the last events, oldest first', async () => {
    expect(await tail(2)).toEqual([event(2), event(3)]);
    expect(await tail(10)).toHaveLength(3);
    expect(await tail(0)).toEqual([]);
  });

  it('counts', async () => {
    expect(await eventOperations.stats(config())).toMatchObject({
      events: 3,
      counts: [{ modelId: 'iris', events: 3 }],
    });
  });
});
