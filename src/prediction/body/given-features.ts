/** The features that a caller gave, in the caller's order: `values[i]` is the one named `names[i]`. Not checked against a model. */
export interface GivenFeatures {
  readonly names: readonly string[];
  readonly values: readonly unknown[];
  /** The object as JSON text. */
  readonly text: string;
}

export const noFeatures: GivenFeatures = Object.freeze({ names: [], values: [], text: '{}' });

/** The features of a parsed object. */
export class ParsedFeatures implements GivenFeatures {
  readonly names: readonly string[];
  readonly values: readonly unknown[];
  readonly #object: object;

  constructor(object: object) {
    this.names = Object.keys(object);
    this.values = valuesOf(object, this.names);
    this.#object = object;
  }

  get text(): string {
    return JSON.stringify(this.#object);
  }
}

/** An array of numbers that holds them as doubles, as those of known shapes are; of Object.values each would take memory of its own. */
function valuesOf(object: object, names: readonly string[]): unknown[] {
  const values = new Array<unknown>(names.length);
  for (let at = 0; at < names.length; at++) values[at] = (object as Record<string, unknown>)[names[at] as string];
  return values;
}
