import { beforeEach, describe, expect, it } from 'vitest';
import type { Registry, RegistryModel, RegistrySnapshot } from './registry.js';

/** What a registry holds, written in its own way by each implementation's test. */
export interface HeldModels {
  readonly [modelId: string]: {
    readonly versions: readonly string[];
    readonly aliases?: Readonly<Record<string, string>>;
  };
}

export interface RegistryHarness {
  readonly registry: Registry;
  /** Makes it hold exactly this. A version that was there stays as it is. */
  hold(models: HeldModels): Promise<void>;
  /** Makes it impossible to read, and possible again. */
  hide(): Promise<void>;
  show(): Promise<void>;
}

/** What the catalogue relies on, wherever models come from. */
export function registryContract(what: string, make: () => Promise<RegistryHarness>): void {
  describe(`registry contract: ${what}`, () => {
    let harness: RegistryHarness;
    beforeEach(async () => {
      harness = await make();
      await harness.hold({ a: { versions: ['1'] }, b: { versions: ['2', '10', '9'], aliases: { production: '9' } } });
    });

    it('tells models by id, versions in order, and aliases', async () => {
      const { models, complete, problems } = await arrived(harness.registry);
      expect([complete, problems]).toEqual([true, []]);
      expect(models.map(({ modelId }) => modelId)).toEqual(['a', 'b']);
      expect(models[1]?.versions.map(({ version }) => version)).toEqual(['2', '9', '10']);
      expect(models[1]?.aliases).toEqual(new Map([['production', '9']]));
      expect(models.flatMap(({ versions }) => versions.flatMap((version) => version.problems))).toEqual([]);
    });

    it('gives a version the same folder and fingerprint again and again', async () => {
      const facts = async () =>
        (await arrived(harness.registry)).models.flatMap(({ versions }) =>
          versions.map(({ folder, fingerprint }) => [folder, fingerprint]),
        );
      expect(await facts()).toEqual(await facts());
      expect(new Set((await facts()).map(([folder]) => folder)).size).toBe(4);
    });

    it('follows: a new version, an alias that moves, a version and a model that go', async () => {
      await arrived(harness.registry);
      await harness.hold({ b: { versions: ['10', '9', '11'], aliases: { production: '11' } } });
      await expect
        .poll(async () => shown(await harness.registry.scan()), { timeout: 30_000, interval: 50 })
        .toEqual([['b', ['9', '10', '11'], { production: '11' }]]);
    });

    it('says what it cannot read, and never that it is empty', async () => {
      const before = await arrived(harness.registry);
      await harness.hide();
      await expect
        .poll(async () => (await harness.registry.scan()).problems.length, { timeout: 30_000, interval: 50 })
        .toBe(1);
      const { models, complete } = await harness.registry.scan();
      expect(!complete || models.length === before.models.length).toBe(true);
      await harness.show();
      await expect
        .poll(async () => shown(await harness.registry.scan()), { timeout: 30_000, interval: 50 })
        .toEqual(before.models.map(shownModel));
    });
  });
}

/** A look in which every version's files have come. */
export async function arrived(registry: Registry): Promise<RegistrySnapshot> {
  let snapshot = await registry.scan();
  await expect
    .poll(
      async () => {
        snapshot = await registry.scan();
        return snapshot.models.flatMap(({ versions }) => versions).every(({ arrival }) => arrival !== 'under_way');
      },
      { timeout: 30_000, interval: 20 },
    )
    .toBe(true);
  return snapshot;
}

const shown = ({ models }: RegistrySnapshot) => models.map(shownModel);
const shownModel = ({ modelId, versions, aliases }: RegistryModel) => [
  modelId,
  versions.map(({ version }) => version),
  Object.fromEntries(aliases ?? []),
];
