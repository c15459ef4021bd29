import { flatText } from './flat-text.js';
import type { JsonObject, JsonValue } from './json.js';

const longestScanned = 64;

/** `text` as a JSON string (RFC 8259). Short plain ASCII, the usual case, costs a scan instead of a JSON.stringify. */
export function jsonString(text: string): string {
  if (text.length > longestScanned) return JSON.stringify(text);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return JSON.stringify(text);
  }
  return '"' + text + '"';
}

/** JSON has no NaN and no infinities: they become null, as in JSON.stringify. */
export function jsonNumber(value: number): string {
  return Number.isFinite(value) ? '' + value : 'null';
}

/** `0` to `0.999`: most durations are less than one. */
const thousandths = Array.from({ length: 1000 }, (_, count) =>
  count === 0 ? '0' : '0.' + String(count).padStart(3, '0'),
);
const largestScaled = 2 ** 30;

/**
 * A duration or age to the thousandth: more digits would only be bytes. Taken from a table, or put together from two integers, which costs
 * a fifth of formatting the fraction.
 */
export function jsonThousandths(value: number): string {
  const scaled = Math.round(value * 1000);
  if (!(scaled >= 0 && scaled < largestScaled)) return jsonNumber(scaled / 1000);
  const count = scaled % 1000;
  const fraction = thousandths[count] as string;
  return scaled < 1000 ? fraction : (scaled - count) / 1000 + fraction.slice(1);
}

/** Remembers the JSON text that goes before a value, by name. Names come from models and views, so they are few. */
export class JsonNames {
  readonly #texts = new Map<string, string>();
  readonly #suffix: string;
  readonly #prefix: string;
  static readonly #most = 10_000;

  constructor(suffix: string, prefix = '') {
    this.#suffix = suffix;
    this.#prefix = prefix;
  }

  /** The prefix, `"name"` and the suffix. */
  text(name: string): string {
    return this.#texts.get(name) ?? this.#add(name);
  }

  #add(name: string): string {
    if (this.#texts.size >= JsonNames.#most) this.#texts.clear();
    const text = flatText(this.#prefix + jsonString(name) + this.#suffix);
    this.#texts.set(name, text);
    return text;
  }
}

/**
 * The text that JSON.stringify gives, in less time where the same numbers are written more than once: V8 remembers the text of a number
 * that it has just formatted, of which JSON.stringify knows nothing.
 * @throws TypeError for what JSON cannot hold (a BigInt); RangeError for a cycle
 */
export function jsonText(value: JsonValue): string {
  switch (typeof value) {
    case 'number':
      return jsonNumber(value);
    case 'string':
      return jsonString(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? arrayText(value as readonly JsonValue[]) : objectText(value as JsonObject);
    default:
      return JSON.stringify(value);
  }
}

function arrayText(values: readonly JsonValue[]): string {
  let text = '[';
  for (const value of values) text += (text === '[' ? '' : ',') + jsonText(value);
  return text + ']';
}

const memberNames = new JsonNames(':');
const nextMemberNames = new JsonNames(':', ',');

function objectText(object: JsonObject): string {
  let text = '{';
  for (const name in object) {
    text += (text === '{' ? memberNames : nextMemberNames).text(name) + jsonText(object[name] as JsonValue);
  }
  return text + '}';
}
