import { describe, expect, it } from 'vitest';
import { fakeView, feature } from '../../test/support/fakes.js';
import { applicant, errorOf, row, setUp, storedScore } from '../../test/support/pipeline.js';
import type { FeatureView, ViewRead } from '../features/index.js';
import type { FeatureSpec } from '../models/index.js';

describe('stored features', () => {
  const features = [feature('x'), storedScore];
  const read = (stored: ViewRead, view: Partial<FeatureView> = {}, specs: readonly FeatureSpec[] = features) =>
    setUp({ features: specs, views: [fakeView(view)], stored: () => stored });
  const withDefault = [feature('x'), { ...storedScore, default: 3 }];

  it('rule 1: a value given inline is not looked up', async () => {
    const { send, store, events } = read(row());
    await send({ features: { x: 2, credit_score: 1 }, entities: { applicant_id: 'A-17' } });
    expect(store.asked).toEqual([]);
    expect(events.records[0]?.featuresText).toBe('{"x":2,"credit_score":1}');
  });

  it('rule 1: null inline is an error unless nullable, and never the default', async () => {
    const body = { features: { x: 2, credit_score: null } };
    const error = await errorOf(read(row(), {}, withDefault).send(body));
    expect(error.details.errors).toMatchObject([{ path: '/features/credit_score', problem: 'not_nullable' }]);
  });

  it('rule 2: looks up what is not inline, and tells its origin and age', async () => {
    const { send, store, events } = read(row());
    const reply = await send(applicant);
    expect(reply).toMatchObject({ cached: false, prediction: { value: 3 } });
    expect(store.asked).toEqual([[{ view: 'applicant_profile', key: 'A-17', useCache: true }]]);
    expect(events.records[0]).toMatchObject({
      features: [
        { name: 'x', origin: 'request' },
        { name: 'credit_score', value: 6, origin: 'store', ageSeconds: 5 },
      ],
      entities: [{ name: 'applicant_id', key: 'A-17', pii: false }],
    });
  });

  it('says cached when all stored values came from the cache, and skips the cache when told to', async () => {
    const { send, store } = read(row({ origin: 'cache' }));
    expect((await send(applicant)).cached).toBe(true);
    await send({ ...applicant, options: { enable_cache: false } });
    expect(store.asked[1]?.[0]?.useCache).toBe(false);
  });

  it('rule 3: without the entity, the default or an error that names the entity', async () => {
    const reply = await read(row(), {}, withDefault).send({ features: { x: 2 } });
    expect(reply.warnings).toMatchObject([{ code: 'default_used', feature: 'credit_score' }]);
    const error = await errorOf(read(row()).send({ features: { x: 2 } }));
    expect(error.details.errors?.[0]?.expected).toContain('entities.applicant_id');
  });

  it.each<[string, ViewRead]>([
    ['an absent row', { state: 'absent', origin: 'store' }],
    ['a NULL column', row({ values: [null, 1] })],
    ['a value of the wrong type', row({ values: ['six', 1] })],
    ['a value out of range', row({ values: [11, 1] })],
  ])('rule 4: %s follows on_missing', async (_, stored) => {
    const error = await errorOf(read(stored).send(applicant));
    expect(error.code).toBe('FEATURE_VALIDATION_FAILED');
    expect(error.details.errors).toMatchObject([{ path: '/features/credit_score', origin: 'store' }]);
    const reply = await read(stored, { onMissing: 'default' }, withDefault).send(applicant);
    expect(reply.warnings).toMatchObject([{ code: 'default_used' }]);
  });

  it('rule 5: a stale row follows on_stale', async () => {
    const stale = row({ stale: true, ageSeconds: 99 });
    const error = await errorOf(read(stale).send(applicant));
    expect(error.details.errors).toMatchObject([{ problem: 'stale', origin: 'store' }]);
    const served = await read(stale, { onStale: 'serve' }).send(applicant);
    expect(served.warnings).toMatchObject([{ code: 'stale_value_served', feature: 'credit_score' }]);
    const replaced = await read(stale, { onStale: 'default' }, withDefault).send(applicant);
    expect(replaced.warnings).toMatchObject([{ code: 'default_used' }]);
  });

  it('rule 6: a store out of reach is SERVICE_UNAVAILABLE, unless the view says default', async () => {
    const error = await errorOf(read({ state: 'unavailable' }).send(applicant));
    expect([error.code, error.retryAfterSeconds]).toEqual(['SERVICE_UNAVAILABLE', 1]);
    const reply = await read({ state: 'unavailable' }, { onUnavailable: 'default' }, withDefault).send(applicant);
    expect(reply.warnings).toMatchObject([{ code: 'default_used' }]);
  });

  it('rule 8: an entity that no view of the model uses is refused', async () => {
    const error = await errorOf(read(row()).send({ features: { x: 1 }, entities: { aplicant_id: 'A' } }));
    expect(error.details.errors).toMatchObject([
      { path: '/entities/aplicant_id', problem: 'unknown_entity', did_you_mean: 'applicant_id' },
      { path: '/features/credit_score', problem: 'missing' },
    ]);
  });

  it('never says a stored value in an error', async () => {
    const error = await errorOf(read(row({ values: ['hunter2', 1] })).send(applicant));
    expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2');
  });
});
