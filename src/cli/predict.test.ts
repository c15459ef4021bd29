import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, json } from '../../test/support/cli.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('predict', () => {
  const lines = (text: string) => text.trimEnd().split('\n').map(json);

  it('predicts JSON lines in batches, in order, and leaves the text as it was', async () => {
    const stdin = '{"width": 1.50}\n\n{"features": {"width": 2}, "entities": {"plant_id": "x"}}\n{"width": 3}\n';
    const { code, out, bodies } = await call(
      'predict --model iris --model-version @production --batch-size 2 --no-cache',
      { stdin },
    );
    expect(code).toBe(0);
    expect(lines(out)).toEqual(
      [3, 4, 6].map((twice, index) => ({ index, prediction: { twice }, confidence: null, cached: false })),
    );
    expect(bodies).toHaveLength(2);
    expect(bodies[0]).toContain(
      '{"features":{"width": 1.50}},{"features": {"width": 2}, "entities": {"plant_id": "x"}}',
    );
    expect(json(bodies[0] ?? '')).toMatchObject({ model_version: '@production', options: { enable_cache: false } });
  });

  it('goes on past rows that cannot be read or predicted, and then fails', async () => {
    const { code, out, err } = await call('predict --model iris', {
      stdin: '{"width": 1}\n{"width"\n7\n{}\n{"width": 2}\n',
    });
    expect(code).toBe(1);
    expect(lines(out)).toMatchObject([
      { index: 0, prediction: { twice: 2 } },
      { index: 1, error: { error_code: 'INVALID_REQUEST', message: expect.stringContaining('line 2') as string } },
      { index: 2, error: { message: 'line 3 is not an object of features' } },
      { index: 3, error: { error_code: 'FEATURE_VALIDATION_FAILED' } },
      { index: 4, prediction: { twice: 4 } },
    ]);
    expect(err).toBe('inference: 3 rows failed\n');
  });

  it('takes a JSON array', async () => {
    const { out } = await call('predict --model iris', { stdin: '\uFEFF [{"width": 1},\n {"width": 2}]' });
    expect(lines(out)).toMatchObject([{ prediction: { twice: 2 } }, { prediction: { twice: 4 } }]);
    expect((await call('predict --model iris', { stdin: '[{"width": 1e400}]' })).err).toContain('out of range');
    expect((await call('predict --model iris', { stdin: '[{"width": 1}' })).err).toContain('not a JSON array');
  });

  it('takes a CSV file, typed by the signature, with a progress bar on a terminal', async () => {
    const file = path.join(folder, 'rows.csv');
    writeFileSync(file, 'width,kind,plant_id\n1.5,"a, b",P-1\n2,,\n');
    const { out, err, bodies } = await call(`predict ${file} --model iris`, { tty: true });
    expect(lines(out)).toHaveLength(2);
    expect((json(bodies[0] ?? '') as { instances: unknown }).instances).toEqual([
      { features: { width: 1.5, kind: 'a, b' }, entities: { plant_id: 'P-1' } },
      { features: { width: 2, kind: null } },
    ]);
    expect(err).toContain('%');
    expect((await call('predict --model iris --format csv', { stdin: 'a,b\n1\n' })).err).toContain('not good CSV');
  });

  it('predicts nothing from nothing', async () => {
    expect(await call('predict --model iris', { stdin: '' })).toMatchObject({ code: 0, out: '' });
  });

  it('refuses what it cannot use', async () => {
    expect((await call('predict --model iris --batch-size 0')).code).toBe(2);
    expect((await call('predict --model iris --api-key k')).code).toBe(2);
    expect((await call('predict --model iris --url ftp://x')).code).toBe(2);
    expect((await call('predict nowhere.csv --model iris')).err).toContain('cannot read nowhere.csv');
  });
});
