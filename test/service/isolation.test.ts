import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences } from '../support/closeness.js';
import { oneRequest } from '../support/one-model.js';
import { makeKey } from '../support/program.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

const ORDERS = 1000;
const AT_ONCE = 8;

const data = temporaryFolder('isolation');
let service: Service;
let ofMortgages: Record<string, string>;
let ofReader: Record<string, string>;

beforeAll(async () => {
  const headersOf = ({ secret }: { readonly secret: string }) => ({ 'x-api-key': secret });
  const mine = await makeKey(data, '--scope', 'predict:mortgage_denial', '--requests-per-minute', 'unlimited');
  ofMortgages = headersOf(mine);
  ofReader = headersOf(await makeKey(data, '--scope', 'models:read'));
  service = await launchService({
    data,
    env: {
      INFERENCE_SERVICE__AUTH__MODE: 'required',
      INFERENCE_SERVICE__HTTP__OPEN_INFERENCE: 'true',
      INFERENCE_SERVICE__MODELS__ALLOW_CONTROL: 'true',
      INFERENCE_SERVICE__HTTP__MAX_QUEUE_MS: '10000',
      // So short that rows come from the cache and from the store by turns.
      INFERENCE_SERVICE__CACHE__TTL_SECONDS: '0.01',
    },
  });
}, 120_000);
afterAll(async () => {
  await service.stop('SIGKILL');
  rmSync(data, { recursive: true, force: true });
});

describe('demand 2: a key of one model gets nothing of another', () => {
  const features = { sepal: 1 };
  const tensors = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 64], data: Array(64).fill(0) as number[] }] };

  it.each<[string, string, object | undefined]>([
    ['a prediction', '/v1/predict', { model_id: 'digits', features }],
    ['of a version', '/v1/predict', { model_id: 'digits', model_version: '1.0.0', features }],
    ['of a model that does not exist', '/v1/predict', { model_id: 'nope', features }],
    ['a batch', '/v1/predict/batch', { model_id: 'digits', instances: [{ features }] }],
    ['a description', '/v1/models/digits', undefined],
    ['a description of a version', '/v1/models/digits/versions/1.0.0', undefined],
    ['of a model that does not exist either', '/v1/models/nope', undefined],
    ['V2 metadata', '/v2/models/digits', undefined],
    ['V2 metadata of a version', '/v2/models/digits/versions/1.0.0', undefined],
    ['V2 inference', '/v2/models/digits/infer', tensors],
    ['V2 inference of a version', '/v2/models/digits/versions/1.0.0/infer', tensors],
    ['V2 unloading', '/v2/repository/models/digits/unload', {}],
  ])('%s: 403', async (_what, place, body) => {
    const url = `${service.url}${place}`;
    const reply = await (body === undefined ? get(url, ofMortgages) : post(url, body, ofMortgages));
    expect(reply.status, JSON.stringify(reply.body)).toBe(403);
    // Whoever may not see it learns nothing about it but its name, which they sent.
    expect(JSON.stringify(reply.body)).not.toMatch(/pixel|handwrit|float|1797|onnx/i);
  });

  it('lists its own model only, and predicts by it only', async () => {
    const listed = await get(`${service.url}/v1/models`, ofMortgages);
    const ids = (listed.body['models'] as { model_id: string }[]).map(({ model_id }) => model_id);
    expect([listed.status, ids]).toEqual([200, ['mortgage_denial']]);
    const index = await post(`${service.url}/v2/repository/index`, {}, ofMortgages);
    const names = (index.body as unknown as { name: string }[]).map(({ name }) => name);
    expect([index.status, [...new Set(names)]]).toEqual([200, ['mortgage_denial']]);
    expect((await post(`${service.url}/v1/predict`, oneRequest, ofMortgages)).status).toBe(200);
  });

  it('and a key that may only read descriptions predicts by none', async () => {
    expect((await get(`${service.url}/v1/models/digits`, ofReader)).status).toBe(200);
    expect((await post(`${service.url}/v1/predict`, oneRequest, ofReader)).status).toBe(403);
  });
});

interface StoredRow {
  readonly features: Record<string, unknown>;
  readonly entities: { readonly applicant_id: string };
  readonly prediction: Record<string, number>;
}
interface Event {
  readonly data: {
    readonly request_id: string;
    readonly entities: StoredRow['entities'];
    readonly features: Record<string, unknown>;
    readonly prediction: Record<string, number>;
  };
}

const [model_version, { tolerance, stored_rows: rows }] = Object.entries(
  (
    JSON.parse(readFileSync('examples/heldout/mortgage_denial.json', 'utf8')) as {
      versions: Record<string, { tolerance: number; stored_rows: StoredRow[] }>;
    }
  ).versions,
)[0]!;

/** What is in the store of an applicant, by column. */
const [columns = [], ...table] = readFileSync('examples/features/applicant_profile.csv', 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(','));
const profile = (id: string) => {
  const cells = table.find(([key]) => key === id) ?? [];
  return Object.fromEntries(
    columns.map((name, at) => [name, cells[at]]).filter(([name]) => !/^(applicant_id|updated_at)$/.test(name!)),
  );
};

/** Two whose stored features and predictions differ. */
const one = rows[0]!;
const other = rows.find(
  ({ entities, prediction }) =>
    JSON.stringify(profile(entities.applicant_id)) !== JSON.stringify(profile(one.entities.applicant_id)) &&
    Math.abs(prediction['denial_probability']! - one.prediction['denial_probability']!) > 0.01,
)!;
const pair = [one, other] as const;

function events(): Event['data'][] {
  const folder = path.join(data, 'events');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => readFileSync(path.join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Event).data);
}

interface Ask {
  readonly who: 0 | 1;
  readonly enable_cache: boolean;
  /** Both in one request, this one first. */
  readonly batch: boolean;
}
const ask: fc.Arbitrary<Ask> = fc.record({
  who: fc.constantFrom(0, 1),
  enable_cache: fc.boolean(),
  batch: fc.boolean(),
});
const order = fc.array(ask, { minLength: 2, maxLength: 4 });

/** What was answered that belongs to somebody else, or is no answer at all. */
async function mistakes({ who, enable_cache, batch }: Ask, id: string): Promise<string[]> {
  const named = { model_id: 'mortgage_denial', model_version, options: { enable_cache } };
  const wanted = batch ? [pair[who], pair[1 - who]!] : [pair[who]];
  const instances = wanted.map(({ features, entities }) => ({ features, entities }));
  const body = batch ? { ...named, instances } : { ...named, ...instances[0] };
  const headers = { ...ofMortgages, 'x-request-id': id };
  const reply = await post(`${service.url}/v1/predict${batch ? '/batch' : ''}`, body, headers);
  if (reply.status !== 200) return [`${id}: ${reply.status} ${JSON.stringify(reply.body)}`];
  const results = (batch ? reply.body['results'] : [reply.body]) as { prediction: unknown }[];
  return wanted.flatMap(({ prediction }, at) => differences(results[at]?.prediction, prediction, tolerance));
}

describe('demand 2: two entities that are read at the same time', () => {
  it(`get their own features, prediction and event, cached and not, in ${ORDERS} orders`, async () => {
    const orders = fc.sample(order, { numRuns: ORDERS, seed: 2 });
    const found: string[] = [];
    const asked = new Map<string, Ask>();
    const runOrders = async () => {
      for (let next = orders.pop(); next !== undefined; next = orders.pop()) {
        const named = next.map((each, at) => [`order-${orders.length}-${at}`, each] as const);
        named.forEach(([id, each]) => asked.set(id, each));
        found.push(...(await Promise.all(named.map(([id, each]) => mistakes(each, id)))).flat());
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, runOrders));
    expect(found).toEqual([]);

    const wanted = [...asked.values()].reduce((sum, { batch }) => sum + (batch ? 2 : 1), 0);
    const recorded = () => events().filter(({ request_id }) => request_id.startsWith('order-'));
    await eventually(() => recorded().length >= wanted, 60_000);
    expect(recorded()).toHaveLength(wanted);
    for (const event of recorded()) {
      const { who, batch } = asked.get(event.request_id)!;
      const owner = pair.find(({ entities }) => entities.applicant_id === event.entities.applicant_id)!;
      if (!batch) expect(owner).toBe(pair[who]);
      expect(differences(event.prediction, owner.prediction, tolerance)).toEqual([]);
      const stored = profile(owner.entities.applicant_id);
      for (const [name, value] of Object.entries({ ...owner.features, ...stored }))
        expect([name, String(event.features[name])]).toEqual([name, String(value)]);
    }
    // Both ways were taken.
    const { text } = (await get(`${service.url}/metrics`)).body as { text: string };
    for (const hit of ['true', 'false'])
      expect(text).toMatch(
        new RegExp(`inference_requests_total\\{[^}]*status="success"[^}]*cache_hit="${hit}"[^}]*\\} [1-9]`),
      );
  }, 300_000);
});
