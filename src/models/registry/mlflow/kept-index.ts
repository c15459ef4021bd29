import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Type, type Static } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { modelIdPattern } from '../../../shared/names.js';
import { replaceFile } from './version-copies.js';
import type { IndexedModel } from './registry-index.js';

const version = Type.Object({
  version: Type.String({ pattern: '^[1-9][0-9]{0,8}$' }),
  stage: Type.String(),
  description: Type.String(),
  source: Type.String(),
  runId: Type.String(),
  created: Type.Number(),
});

const keptIndex = Type.Object({
  trackingUri: Type.String(),
  models: Type.Array(
    Type.Object({
      modelId: Type.String({ pattern: modelIdPattern.source }),
      name: Type.String(),
      versions: Type.Array(version),
      aliases: Type.Array(Type.Tuple([Type.String(), Type.String()])),
      productionBy: Type.Optional(Type.String()),
    }),
  ),
});

/** What MLflow held when it was last asked, for a start without it. */
export class KeptIndex {
  readonly #file: string;
  readonly #trackingUri: string;
  #written = '';
  /** When the file was written as this process last saw it; undefined: it has not looked yet. */
  #writtenAt: number | undefined;

  constructor(file: string, trackingUri: string) {
    this.#file = file;
    this.#trackingUri = trackingUri;
  }

  /** undefined: there is none of this registry, or it cannot be read. */
  async read(): Promise<readonly IndexedModel[] | undefined> {
    try {
      const kept: unknown = JSON.parse(await readFile(this.#file, 'utf8'));
      if (!Value.Check(keptIndex, kept) || kept.trackingUri !== this.#trackingUri) return undefined;
      return kept.models.map(restored);
    } catch {
      // Absent, or cut off: it is written anew once MLflow answers.
      return undefined;
    }
  }

  /** Keeps it, unless nothing changed. @throws what the file system says */
  async write(models: readonly IndexedModel[]): Promise<void> {
    const kept = models.map(({ problems: _told, ...model }) => model);
    const text = JSON.stringify({ trackingUri: this.#trackingUri, models: kept });
    if (text === this.#written) return;
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    await replaceFile(this.#file, text);
    this.#written = text;
    this.#writtenAt = await this.#modifiedAt();
  }

  /** Whether another process has learned something since this one last looked here. */
  async changedByOther(): Promise<boolean> {
    const before = this.#writtenAt;
    this.#writtenAt = await this.#modifiedAt();
    return before !== undefined && this.#writtenAt !== before;
  }

  /** 0 where it is not there. */
  async #modifiedAt(): Promise<number> {
    return stat(this.#file).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
  }
}

function restored(model: Static<typeof keptIndex>['models'][number]): IndexedModel {
  return { ...model, productionBy: model.productionBy, problems: [] };
}
