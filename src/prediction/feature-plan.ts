import type { FeatureView } from '../features/index.js';
import type { ServingVersion } from '../models/index.js';
import type { FeatureOrigin } from '../shared/feature-value.js';
import { pointerStep } from '../shared/json.js';

/** A view that feeds a version: which of the version's features it supplies. */
export interface ViewSource {
  readonly view: FeatureView;
  /** Position in the version's row, and in the view's row. */
  readonly columns: readonly { readonly index: number; readonly position: number }[];
}

/** What is the same for every row of a version, worked out once. */
export interface FeaturePlan {
  readonly version: ServingVersion;
  /** `/features/<name>` of each feature. */
  readonly paths: readonly string[];
  readonly sources: readonly ViewSource[];
  /** The source of each feature, undefined for one that is never looked up. */
  readonly sourceOf: readonly (ViewSource | undefined)[];
  readonly entities: ReadonlySet<string>;
  /** Some feature is personal data. */
  readonly personal: boolean;
  /** Where the features of these names stand in the version's row. Callers mostly give the same names. */
  readonly placesOf: (names: readonly string[]) => FeaturePlaces;
  /** The origins of a row that the caller gave whole: one array for all such rows, frozen. */
  readonly allFromRequest: FeatureOrigin[];
}

export interface FeaturePlaces {
  /** The position of each name; -1 for one that the version does not know. */
  readonly positions: Int32Array;
  /** All of the version's features, in its order: the values are the row. */
  readonly areRow: boolean;
}

/** Makes plans and remembers them for as long as their version lives. */
export class FeaturePlans {
  readonly #views: ReadonlyMap<string, FeatureView>;
  readonly #plans = new WeakMap<ServingVersion, FeaturePlan>();

  constructor(views: ReadonlyMap<string, FeatureView>) {
    this.#views = views;
  }

  /** @throws Error when a view or its feature is unknown: the registry has refused such a version at load. */
  of(version: ServingVersion): FeaturePlan {
    let plan = this.#plans.get(version);
    if (plan === undefined) {
      plan = makePlan(version, this.#views);
      this.#plans.set(version, plan);
    }
    return plan;
  }
}

function makePlan(version: ServingVersion, views: ReadonlyMap<string, FeatureView>): FeaturePlan {
  const sources = new Map<string, { view: FeatureView; columns: { index: number; position: number }[] }>();
  const sourceOf = version.features.map((spec, index) => {
    if (spec.from === undefined) return undefined;
    const view = views.get(spec.from.view);
    const position = view?.features.findIndex((feature) => feature.name === spec.from?.feature) ?? -1;
    if (view === undefined || position < 0) throw new Error(`Feature ${spec.name} comes from an unknown place`);
    const source = sources.get(view.name) ?? { view, columns: [] };
    source.columns.push({ index, position });
    sources.set(view.name, source);
    return source;
  });
  return {
    version,
    paths: version.features.map((spec) => `/features${pointerStep(spec.name)}`),
    sources: [...sources.values()],
    sourceOf,
    personal: version.features.some((spec) => spec.pii),
    placesOf: lastPlaces(version.featureIndex),
    allFromRequest: Object.freeze(version.features.map((): FeatureOrigin => 'request')) as FeatureOrigin[],
    entities: new Set([...sources.values()].map((source) => source.view.entity)),
  };
}

/** Names of one list stand for those of the next, where it is the same list. */
function lastPlaces(featureIndex: ReadonlyMap<string, number>): FeaturePlan['placesOf'] {
  let lastNames: readonly string[] | undefined;
  let places: FeaturePlaces = { positions: new Int32Array(0), areRow: false };
  return (names) => {
    if (names !== lastNames) {
      const positions = Int32Array.from(names, (name) => featureIndex.get(name) ?? -1);
      const areRow = names.length === featureIndex.size && positions.every((position, at) => position === at);
      places = { positions, areRow };
      lastNames = names;
    }
    return places;
  };
}
