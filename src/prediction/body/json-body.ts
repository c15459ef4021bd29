import { isUtf8 } from 'node:buffer';
import { ServiceError } from '../../shared/errors.js';
import { isPlainObject } from '../../shared/json.js';

/** Deepest nesting that a body may have: more makes later stringifying overflow the stack. */
export const maxDepth = 32;

/** Below this size even the deepest nesting parses in microseconds, so depth is looked at afterwards. */
const scanBeforeParseBytes = 16_384;

/**
 * The text of a request body.
 * @throws ServiceError INVALID_REQUEST for an empty body, invalid UTF-8, a byte order mark, nesting over 32 in a long one
 */
export function bodyText(body: Buffer): string {
  if (body.length === 0) throw invalid('The body is empty', 'empty_body', 'a JSON object');
  if (!isUtf8(body)) throw invalid('The body is not valid UTF-8', 'invalid_utf8', 'UTF-8');
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) {
    throw invalid('The body starts with a byte order mark', 'byte_order_mark', 'JSON without a byte order mark');
  }
  if (body.length > scanBeforeParseBytes && scanDepth(body) > maxDepth) throw tooDeep();
  return body.toString('utf8');
}

/**
 * The JSON value of a request body's text. Where a key stands twice the last one wins (RFC 8259 section 4 leaves it open).
 * @throws ServiceError INVALID_REQUEST for bad JSON
 */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid('The body is not valid JSON', 'invalid_json', positionOf(error));
  }
}

/** @throws ServiceError INVALID_REQUEST when a value that is not a scalar nests too deep or holds a `__proto__` key. */
export function refuseHostileValue(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > maxDepth) throw tooDeep();
  if (Array.isArray(value)) {
    // Arrays of numbers are the common case, and hold nothing to descend into.
    for (const element of value) if (typeof element === 'object') refuseHostileValue(element, depth + 1);
    return;
  }
  refusePrototypeKey(value);
  for (const element of Object.values(value)) refuseHostileValue(element, depth + 1);
}

/** @throws ServiceError INVALID_REQUEST when the object has an own key `__proto__`. */
export function refusePrototypeKey(value: object): void {
  if (Object.hasOwn(value, '__proto__')) {
    throw invalid('The key __proto__ is not allowed', 'forbidden_key', 'other keys than __proto__');
  }
}

/** Every value of an object that came from outside, refused when hostile. `depth` is the level of the object itself: 1 for the body. */
export function refuseHostileObject(value: unknown, depth: number): void {
  if (!isPlainObject(value)) return refuseHostileValue(value, depth);
  refusePrototypeKey(value);
  for (const key in value) {
    const member = value[key];
    if (typeof member === 'object') refuseHostileValue(member, depth + 1);
  }
}

/** What a byte means for nesting: bodies are looked through byte by byte, of which all but a few mean nothing. */
const mark = { none: 0, open: 1, close: 2, quote: 3 } as const;
const marks = new Uint8Array(256);
for (const byte of Buffer.from('[{')) marks[byte] = mark.open;
for (const byte of Buffer.from(']}')) marks[byte] = mark.close;
for (const byte of Buffer.from('"')) marks[byte] = mark.quote;

/** Deepest nesting of brackets outside strings, read from the bytes without parsing. */
function scanDepth(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < body.length; at++) {
    const found = marks[body[at] as number];
    if (found === mark.none) continue;
    if (found === mark.quote) at = stringEnd(body, at + 1);
    else if (found === mark.close) depth--;
    else if (++depth > deepest) deepest = depth;
  }
  return deepest;
}

/** Where the quote is that ends the string. */
function stringEnd(body: Buffer, start: number): number {
  let at = start;
  while (at < body.length && body[at] !== 0x22) at += body[at] === 0x5c ? 2 : 1;
  return at;
}

function tooDeep(): ServiceError {
  return invalid(`The body nests deeper than ${maxDepth} levels`, 'too_deep', `at most ${maxDepth} levels`);
}

/** V8 quotes the body in its message; only the position may leave. */
function positionOf(error: unknown): string {
  const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  return position === undefined ? 'a JSON object' : `a JSON object; the text breaks at character ${position}`;
}

function invalid(message: string, problem: string, expected: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', message, { details: { errors: [{ path: '', problem, expected }] } });
}
