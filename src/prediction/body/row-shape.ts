import type { GivenFeatures } from './given-features.js';
import { JsonScanner, Literal } from './json-scanner.js';

export const featuresKey = '"features"';
const afterFeaturesKey = /\s*:\s*\{/y;
const name = /\s*"([^"]+)"\s*:\s*/y;
const separator = /\s*,/y;
const ending = /\s*\}/y;

/**
 * One row's features as a caller writes them: the text between the values, which callers repeat to the byte (names, order, white space),
 * and so where the values stand.
 */
export class RowShape {
  readonly names: readonly string[];
  /** Before, between and behind the values. */
  readonly #literals: readonly Literal[];
  readonly #first: Literal;

  constructor(names: readonly string[], literals: readonly string[]) {
    this.names = names;
    const [first = '', ...others] = literals;
    this.#first = new Literal(first);
    this.#literals = others.map((text) => new Literal(text));
  }

  /** The row that stands here, or undefined where another text does; `scanner.at` is anywhere then. */
  read(scanner: JsonScanner): GivenFeatures | undefined {
    const start = scanner.at;
    if (!scanner.pass(this.#first)) return undefined;
    const literals = this.#literals;
    const values = new Array<unknown>(literals.length);
    for (let at = 0; at < literals.length; at++) {
      if (!readValue(scanner, values, at) || !scanner.pass(literals[at] as Literal)) return undefined;
    }
    return { names: this.names, values, text: scanner.text(start, scanner.at) };
  }
}

/** Numbers go straight into the array, which then holds them as doubles: by way of a value that may be anything, each takes memory of its own. */
function readValue(scanner: JsonScanner, values: unknown[], at: number): boolean {
  if (scanner.isAtNumber) {
    const number = scanner.number();
    values[at] = number;
    return !Number.isNaN(number);
  }
  return (values[at] = scanner.value()) !== undefined;
}

/** A row's shape, and where its object stands in the text. */
export interface LearnedRow {
  readonly shape: RowShape;
  readonly start: number;
  readonly end: number;
}

/**
 * The shape of the features whose key stands at `keyAt` in a JSON text of ASCII without escapes. Undefined for what it cannot learn: no
 * features, a name that stands twice, values that the scanner does not read.
 */
export function learnRow(text: string, body: Buffer, keyAt: number): LearnedRow | undefined {
  const opened = after(afterFeaturesKey, text, keyAt + featuresKey.length);
  if (opened === undefined) return undefined;
  const scanner = new JsonScanner(body);
  const names: string[] = [];
  const literals: string[] = [];
  const start = opened - 1;
  let literalStart = start;
  let at: number | undefined = opened;
  while (at !== undefined) {
    name.lastIndex = at;
    const found = name.exec(text)?.[1];
    if (found === undefined) return undefined;
    names.push(found);
    literals.push(text.slice(literalStart, name.lastIndex));
    scanner.at = name.lastIndex;
    if (scanner.value() === undefined) return undefined;
    literalStart = scanner.at;
    at = after(separator, text, literalStart);
  }
  const end = after(ending, text, literalStart);
  if (end === undefined || new Set(names).size < names.length) return undefined;
  literals.push(text.slice(literalStart, end));
  return { shape: new RowShape(names, literals), start, end };
}

/** Where the match of a sticky pattern that begins at `at` ends. */
function after(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
