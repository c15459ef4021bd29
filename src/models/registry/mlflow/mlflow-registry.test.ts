import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { answer, halfPlusTwoFiles, heldVersion as held } from '../../../../test/support/fake-mlflow.js';
import { MlflowFixture } from '../../../../test/support/mlflow-registry.js';
import { ManualClock } from '../../../shared/clock.js';
import { arrived } from '../registry.contract.js';
import type { RegistrySnapshot } from '../registry.js';
import type { LookUpOptions } from './look-up.js';

let fixture: MlflowFixture;
const lookUp = (rest: Partial<LookUpOptions>): LookUpOptions => ({
  ...{ names: new Map(), include: [], versions: 3, productionAlias: 'production' },
  ...rest,
});
const model = ({ models }: RegistrySnapshot, modelId = 'm') => models.find((one) => one.modelId === modelId);
const versionsOf = (snapshot: RegistrySnapshot, modelId = 'm') =>
  model(snapshot, modelId)?.versions.map(({ version }) => version);
const aliasesOf = (snapshot: RegistrySnapshot) => Object.fromEntries(model(snapshot)?.aliases ?? []);

beforeEach(async () => {
  fixture = await MlflowFixture.start();
  fixture.fake.models = { m: { versions: { 1: held() } } };
});

describe('which versions are served', () => {
  beforeEach(() => {
    const versions = Object.fromEntries([1, 2, 3, 4, 5, 6, 10].map((version) => [version, held()]));
    fixture.fake.models = { m: { versions, aliases: { champion: '2' } } };
  });

  it('the highest few, by number, and those that aliases name', async () => {
    expect(versionsOf(await arrived(fixture.open()))).toEqual(['2', '5', '6', '10']);
    expect(versionsOf(await arrived(fixture.open({ lookUp: lookUp({ versions: 1 }) })))).toEqual(['2', '10']);
  });

  it('those of the stages Production and Staging, as the aliases that they stand for', async () => {
    const versions = {
      1: held({ stage: 'Production' }),
      2: held({ stage: 'Staging' }),
      3: held({ stage: 'Archived' }),
    };
    fixture.fake.models = { m: { versions } };
    const snapshot = await arrived(fixture.open({ lookUp: lookUp({ versions: 1 }) }));
    expect([versionsOf(snapshot), aliasesOf(snapshot)]).toEqual([['1', '2', '3'], { production: '1', staging: '2' }]);
    expect(fixture.facts).toContain('m by stage Production');
  });

  it('production is the alias of that name, else the one configured, else the stage', async () => {
    const { fake } = fixture;
    const versions = { 1: held(), 2: held({ stage: 'Production' }), 3: held() };
    fake.models = { m: { versions, aliases: { production: '1', champion: '3' } } };
    const registry = fixture.open({ lookUp: lookUp({ productionAlias: 'champion' }) });
    const production = async () => aliasesOf(await registry.scan())['production'];
    await expect.poll(production).toBe('1');
    fake.models = { m: { versions, aliases: { champion: '3' } } };
    await expect.poll(production).toBe('3');
    fake.models = { m: { versions } };
    await expect.poll(production).toBe('2');
    expect(fixture.facts.filter((fact) => fact.startsWith('m by'))).toEqual([
      'm by alias production',
      'm by alias champion',
      'm by stage Production',
    ]);
  });

  it('none that is not ready, and an alias that no caller could name is told of', async () => {
    const versions = { 1: held(), 2: held({ status: 'PENDING_REGISTRATION' }) };
    fixture.fake.models = { m: { versions, aliases: { Best: '1', next: '2' } } };
    const snapshot = await arrived(fixture.open());
    expect([versionsOf(snapshot), aliasesOf(snapshot)]).toEqual([['1'], { next: '2' }]);
    expect(model(snapshot)?.problems[0]?.message).toContain('"Best" cannot be asked for here');
  });

  it('of models whose names are model_ids, or are given one; or of those that are wanted only', async () => {
    const versions = { 1: held() };
    fixture.fake.models = { plain: { versions }, 'odd name': { versions }, "o'dd": { versions } };
    const names = new Map([['quoted', "o'dd"]]);
    const all = await arrived(fixture.open({ lookUp: lookUp({ names }) }));
    expect(all.models.map(({ modelId }) => modelId).sort()).toEqual(['plain', 'quoted']);
    expect(all.ignored).toMatchObject([{ folder: 'odd name' }]);
    const some = await arrived(fixture.open({ lookUp: lookUp({ names, include: ['quoted', 'absent'] }) }));
    expect(some.models.map(({ modelId, versions: [version] }) => [modelId, version?.version])).toEqual([
      ['quoted', '1'],
    ]);
  });

  it('and MLflow is asked once a look while nothing changes', async () => {
    const registry = fixture.open({ pollMs: 60_000 });
    await arrived(registry);
    const { fake } = fixture;
    const before = fake.asked.length;
    registry.refresh();
    await expect.poll(() => fake.asked.length).toBe(before + 1);
    expect(fake.asked.at(-1)).toContain('registered-models/search');
  });
});

describe('an MLflow that cannot be used', () => {
  it.each([
    ['refuses the password', 401, '<html>', /refuses the credentials \(401\): see mlflow.username/],
    ['redirects', 302, '', /redirects \(302\), which is not followed/],
    ['is a page', 200, '<html>', /is this the address of an MLflow tracking server/],
    ['is another server', 200, '{"status": "ok"}', /is this the address of an MLflow tracking server/],
    ['lists nonsense', 200, '{"registered_models": 7}', /is no listing/],
    [
      'is broken',
      500,
      '{"error_code": "INTERNAL_ERROR", "message": "database\\u0007 is locked"}',
      /answers 500: database is locked/,
    ],
    ['answers with too much', 200, ' '.repeat((8 << 20) + 1), /longer than/],
  ])('%s: that is the problem, and nothing is taken from it', async (_, status, body, message) => {
    fixture.fake.intrude = (_path, response) => answer(response, status, body);
    const snapshot = await fixture.open().scan();
    expect([snapshot.models, snapshot.complete]).toEqual([[], false]);
    expect(snapshot.problems[0]?.message).toMatch(message);
    expect(fixture.facts).toContain('not answered');
  });

  it('turns up later than the service', async () => {
    await fixture.fake.stop();
    const registry = fixture.open();
    expect((await registry.scan()).problems[0]?.message).toContain('MLflow cannot be reached');
    await fixture.fake.restart();
    await expect.poll(async () => versionsOf(await registry.scan())).toEqual(['1']);
  });

  it('never answers: a look waits three seconds the first time, and never again', async () => {
    fixture.fake.intrude = () => true;
    let waited: (() => void) | undefined;
    const timers = { after: (_: number, run: () => void) => ((waited = run), () => undefined) };
    const registry = fixture.open({ timers, timeoutMs: 60_000 });
    const first = registry.scan();
    await expect.poll(() => waited).toBeDefined();
    waited?.();
    expect((await first).complete).toBe(false);
    expect((await registry.scan()).complete).toBe(false);
  });

  it('lets in who has a user and password, or a token', async () => {
    const { fake } = fixture;
    fake.authorization = `Basic ${Buffer.from('me:pass').toString('base64')}`;
    const versions = async (credentials: object) => versionsOf(await arrived(fixture.open({ credentials })));
    expect(await versions({ username: 'me', password: 'pass' })).toEqual(['1']);
    expect(await versions({ username: 'me', password: 'other' })).toEqual(['1']);
    expect(fixture.facts.at(-1)).toBe('not answered');
    fake.authorization = 'Bearer token';
    await versions({ username: 'me', token: 'token' });
    expect(fixture.facts.at(-1)).toBe('answered');
  });
});

it('what one process learned makes the others ask, before it is time to poll', async () => {
  const registries = [fixture.open({ pollMs: 3_600_000 }), fixture.open({ pollMs: 3_600_000 })];
  await Promise.all(registries.map(arrived));
  await Promise.all(registries.map((registry) => registry.scan()));
  fixture.fake.models['m'] = { versions: { 1: held(), 2: held() } };
  registries[0]?.refresh();
  for (const registry of registries)
    await expect.poll(async () => versionsOf(await registry.scan())).toEqual(['1', '2']);
});

describe('the local copy', () => {
  it('serves over a restart while MLflow is down', async () => {
    fixture.fake.models['m'] = { versions: { 1: held(), 2: held() }, aliases: { production: '1' } };
    const before = await arrived(fixture.open());
    await fixture.fake.stop();
    const snapshot = await fixture.open().scan();
    expect(snapshot.models).toEqual(before.models);
    expect([snapshot.complete, snapshot.problems.length]).toEqual([true, 1]);
  });

  it('is not fetched again', async () => {
    await arrived(fixture.open());
    await arrived(fixture.open());
    expect(fixture.fake.count('/model.onnx')).toBe(1);
  });

  it('of another registry is not served', async () => {
    await arrived(fixture.open());
    const snapshot = await fixture.open({ trackingUri: 'http://127.0.0.1:9' }).scan();
    expect([snapshot.models, snapshot.complete]).toEqual([[], false]);
  });

  it('that was changed is fetched again', async () => {
    const [version] = model(await arrived(fixture.open()))?.versions ?? [];
    await writeFile(join(version?.folder ?? '', 'model.onnx'), 'something else');
    const [again] = model(await arrived(fixture.open()))?.versions ?? [];
    expect(again?.fingerprint).toBe(version?.fingerprint);
    expect(fixture.fake.count('/model.onnx')).toBe(2);
  });

  it('is made by one process, and the others wait for it', async () => {
    const registries = Array.from({ length: 4 }, () => fixture.open());
    await Promise.all(registries.map(arrived));
    expect(fixture.fake.count('/model.onnx')).toBe(1);
  });

  it('that a dead process left half done is begun anew', async () => {
    await arrived(fixture.open());
    const [copy = ''] = (await readdir(join(fixture.folder, 'models/m'))).filter((name) => !name.endsWith('.json'));
    await fixture.fake.stop();
    await fixture.fake.restart();
    const other = await MlflowFixture.start();
    other.fake.models = fixture.fake.models;
    const draft = join(other.folder, 'models/m', `.${copy}.draft`);
    await mkdir(draft, { recursive: true });
    await utimes(draft, 1, 1);
    expect(versionsOf(await arrived(other.open()))).toEqual(['1']);
  });

  it('is another one where a number that was deleted comes again', async () => {
    const registry = fixture.open();
    const fingerprint = async () => model(await arrived(registry))?.versions[0]?.fingerprint;
    const before = await fingerprint();
    fixture.fake.models = {
      m: { versions: { 1: held({ created: 2, files: { ...halfPlusTwoFiles(), new: 'file' } }) } },
    };
    await expect.poll(fingerprint).not.toBe(before);
  });

  it('goes ten minutes after it was last wanted', async () => {
    const clock = new ManualClock();
    const registry = fixture.open({ clock });
    await arrived(registry);
    fixture.fake.models = {};
    const dropped = () => fixture.facts.includes('m 1 dropped');
    await expect.poll(async () => (await registry.scan()).models.length).toBe(0);
    for (const seconds of [61, 300]) {
      clock.advance(seconds * 1000);
      await registry.scan();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(dropped()).toBe(false);
    await expect
      .poll(async () => {
        clock.advance(61_000);
        await registry.scan();
        return dropped();
      })
      .toBe(true);
  });
});
