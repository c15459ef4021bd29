import { compareVersions, isPrerelease } from '../registry/version-name.js';
import type { VersionState } from '../catalogue.js';

type StateName = VersionState['state'];

/** A version at the moment of a look at the registry. */
export interface VersionSnapshot {
  readonly version: string;
  readonly state: StateName;
  /** The registry still holds it. */
  readonly present: boolean;
  /** Its files were the same in this look and the one before. */
  readonly stable: boolean;
  /** Its files differ from those that were loaded, or that loading failed on. */
  readonly changed: boolean;
  /** It failed only because too many versions were in memory, or its model server was out of reach some time ago. */
  readonly mayRetry: boolean;
  /** An alias still answers by it, as the version that it is to move to is not ready. */
  readonly held: boolean;
}

export type VersionAction =
  /** Load it; `again` begins a new life for one that failed. */
  | { readonly action: 'load'; readonly version: string; readonly again: boolean }
  /** Let its calls finish, then drop it. */
  | { readonly action: 'retire'; readonly version: string }
  /** It never answered and its folder is gone. */
  | { readonly action: 'forget'; readonly version: string }
  | { readonly action: 'report_changed'; readonly version: string };

/** What to do next with one model's versions: those that aliases name first, then from the highest down. */
export function decide(
  versions: readonly VersionSnapshot[],
  aliasTargets: ReadonlySet<string>,
  room: boolean,
): VersionAction[] {
  const order = [...versions].sort(
    (a, b) => rank(b, aliasTargets) - rank(a, aliasTargets) || compareVersions(b.version, a.version),
  );
  const successorPending = versions.some(({ present, state }) => present && isUnsettled(state));
  return order.flatMap((version) => actionFor(version, { room, successorPending }) ?? []);
}

function rank({ version }: VersionSnapshot, aliasTargets: ReadonlySet<string>): number {
  if (aliasTargets.has(version)) return 2;
  return isPrerelease(version) ? 0 : 1;
}

/** Not yet known whether it will answer. */
export function isUnsettled(state: StateName): boolean {
  return state === 'discovered' || state === 'loading' || state === 'warming';
}

interface Surroundings {
  readonly room: boolean;
  /** Another version may soon answer: the old one is kept until then. */
  readonly successorPending: boolean;
}

function actionFor(snapshot: VersionSnapshot, { room, successorPending }: Surroundings): VersionAction | undefined {
  const { version, present, held } = snapshot;
  switch (snapshot.state) {
    case 'discovered':
    case 'failed':
      if (!present) return { action: 'forget', version };
      return mayLoad(snapshot, room) ? { action: 'load', version, again: snapshot.state === 'failed' } : undefined;
    case 'ready':
      if (present) return snapshot.changed ? { action: 'report_changed', version } : undefined;
      return successorPending || held ? undefined : { action: 'retire', version };
    default:
      return undefined;
  }
}

/** A failed version is tried again only when a file changed, or when what kept it out may be over. */
function mayLoad({ state, stable, changed, mayRetry }: VersionSnapshot, room: boolean): boolean {
  return stable && (state === 'discovered' || changed || (mayRetry && room));
}

/** The alias that answers without model_version. */
export const productionAlias = 'production';

/** How far a version is for the aliases that name it. `passing`: it failed for what may be over soon, such as a server out of reach. */
export type AliasTargetState = StateName | 'passing';

/** Which version an alias answers by, given the one it answered by before (null: none). */
export function resolveAlias(
  declared: string,
  current: string | null,
  stateOf: (version: string) => AliasTargetState | undefined,
): string {
  const state = stateOf(declared);
  const settled = state === 'ready' || state === 'failed';
  const stillAnswers = current !== null && current !== declared && stateOf(current) === 'ready';
  return !settled && stillAnswers ? current : declared;
}

/** The highest version that is ready; pre-releases never are. */
export function highestReady(
  versions: Iterable<{ readonly version: string; readonly state: StateName }>,
): string | null {
  return highest([...versions].filter(({ state }) => state === 'ready'));
}

/** The highest release. */
export function highest(versions: readonly { readonly version: string }[]): string | null {
  const releases = versions.map(({ version }) => version).filter((version) => !isPrerelease(version));
  return releases.sort(compareVersions).at(-1) ?? null;
}
