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
    this.values = Object.values(object);
    this.#object = object;
  }

  get text(): string {
    return JSON.stringify(this.#object);
  }
}
