import type { ModelDescription } from '../catalogue.js';

/** A row of the index of the repository (Triton's extension model_repository). */
export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: 'READY' | 'UNAVAILABLE';
  readonly reason: string;
}

export interface IndexOptions {
  readonly onlyReady: boolean;
  /** Models that were unloaded by request: of them no version is known. */
  readonly unloaded: readonly string[];
}

export function repositoryIndex(
  models: readonly ModelDescription[],
  { onlyReady, unloaded }: IndexOptions,
): readonly IndexEntry[] {
  const known = models.flatMap(({ model_id: name, versions }) =>
    versions.map(({ version, state, reasons }): IndexEntry => {
      if (state === 'ready') return { name, version, state: 'READY', reason: '' };
      return { name, version, state: 'UNAVAILABLE', reason: reasons.join('; ') || state };
    }),
  );
  if (onlyReady) return known.filter(({ state }) => state === 'READY');
  const gone = unloaded.filter((name) => known.every((entry) => entry.name !== name));
  return [
    ...known,
    ...gone.map((name): IndexEntry => ({ name, version: '', state: 'UNAVAILABLE', reason: 'unloaded' })),
  ];
}
