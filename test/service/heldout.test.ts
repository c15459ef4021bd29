import { cpSync, readFileSync, readdirSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences } from '../support/closeness.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

interface HeldOut {
  readonly model_id: string;
  readonly versions: Record<string, { tolerance: number; rows: Row[]; stored_rows?: Row[] }>;
}
interface Row {
  readonly features: Record<string, unknown>;
  readonly entities?: Record<string, string>;
  readonly prediction: Record<string, unknown>;
}

const files = readdirSync('examples/heldout').map((name) => path.join('examples/heldout', name));
const heldOut = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as HeldOut);
const cases = heldOut.flatMap(({ model_id, versions }) =>
  Object.entries(versions).map(([version, rest]) => ({ model_id, model_version: version, ...rest })),
);

let service: Service;
let models: string;

beforeAll(async () => {
  models = temporaryFolder('models');
  cpSync('examples/models', models, { recursive: true });
  service = await launchService({ args: ['--models', models] });
});
afterAll(() => service.stop('SIGKILL'));

type Case = (typeof cases)[number];

async function oneByOne({ model_id, model_version, rows, tolerance }: Case): Promise<string[]> {
  const found: string[] = [];
  for (const { features, prediction } of rows) {
    const { status, body } = await post(`${service.url}/v1/predict`, { model_id, model_version, features });
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body['model_version']).toBe(model_version);
    found.push(...differences(body['prediction'], prediction, tolerance));
  }
  return found;
}

/** A batch of this many of the rows, over and over where there are fewer. */
async function asBatch({ model_id, model_version, rows, tolerance }: Case, size = 64): Promise<string[]> {
  const batch = Array.from({ length: size }, (_, at) => rows[at % rows.length]!);
  const instances = batch.map(({ features }) => ({ features }));
  const { status, body } = await post(`${service.url}/v1/predict/batch`, { model_id, model_version, instances });
  expect(status, JSON.stringify(body)).toBe(200);
  const results = body['results'] as { prediction: unknown }[];
  return results.flatMap((result, i) => differences(result.prediction, batch[i]?.prediction, tolerance));
}

// Demand 17: the same input gives the same answer by every path, and it is the training library's answer.
describe.each(cases)('demand 17: 40 held-out rows of $model_id $model_version', (held) => {
  it('one by one', async () => {
    expect(held.rows).toHaveLength(40);
    expect(await oneByOne(held)).toEqual([]);
  });

  it('as batches of 1 and of 64, and all at the same time', async () => {
    expect(await asBatch(held, 1)).toEqual([]);
    expect(await asBatch(held)).toEqual([]);
    const [first] = await Promise.all([oneByOne(held), oneByOne(held), asBatch(held)]);
    expect(first).toEqual([]);
  });

  it.runIf(held.stored_rows !== undefined)('with stored features, from the store and from the cache', async () => {
    const { model_id, model_version, tolerance } = held;
    for (const { features, entities, prediction } of held.stored_rows ?? []) {
      const body = { model_id, model_version, features, entities };
      const fresh = await post(`${service.url}/v1/predict`, { ...body, options: { enable_cache: false } });
      const cached = await post(`${service.url}/v1/predict`, body);
      expect([fresh.body['cached'], cached.body['cached']]).toEqual([false, true]);
      expect(differences(fresh.body['prediction'], prediction, tolerance)).toEqual([]);
      expect(differences(cached.body['prediction'], prediction, tolerance)).toEqual([]);
    }
  });

  it('after the version was loaded again under another name', async () => {
    const again = held.model_version.includes('.') ? held.model_version.replace(/\d+$/, '99') : '99';
    const folder = path.join(models, held.model_id, again);
    cpSync(path.join(models, held.model_id, held.model_version), folder, { recursive: true });
    utimesSync(folder, new Date(), new Date());
    const url = `${service.url}/v1/models/${held.model_id}/versions/${again}`;
    await eventually(async () => (await get(url)).body['state'] === 'ready');
    expect(await oneByOne({ ...held, model_version: again })).toEqual([]);
  });
});
