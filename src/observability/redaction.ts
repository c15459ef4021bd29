import { redacted, redactText } from './redacted-text.js';

/** Names whose values are never shown, at any depth. Compared in lower case without `-`, `_` and `.`. */
const secretNames =
  /password|passwd|passphrase|^pwd$|secret|token|authorization|apikey|cookie|credential|privatekey|piikey|sessionid/;
const deepest = 16;
const mostEntries = 200;

/** The facts of a log line without secrets: by the name of a field, and by what texts hold. The facts themselves are not changed. */
export function redactFacts(facts: object): Record<string, unknown> {
  if (facts instanceof Error) return { err: redactValue(facts) };
  return redactEntries(Object.entries(facts), []);
}

/** One value and all in it. Errors become plain objects with their causes; what refers to itself ends there. */
export function redactValue(value: unknown): unknown {
  return redact(value, []);
}

function redact(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[circular]';
  if (above.length >= deepest) return '[too deep]';
  return redactObject(value, [...above, value]);
}

function redactObject(value: object, above: readonly object[]): unknown {
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  if (value instanceof URL) return redactText(value.href);
  if (Array.isArray(value)) return value.slice(0, mostEntries).map((item: unknown) => redact(item, above));
  if (value instanceof Map) return redactEntries(namedEntries(value), above);
  if (value instanceof Set) return [...value].slice(0, mostEntries).map((item: unknown) => redact(item, above));
  if (value instanceof Error) return redactEntries(errorEntries(value), above);
  return redactEntries(Object.entries(value), above);
}

/** What an error has without being enumerable, then what was added to it. */
function errorEntries(error: Error): [string, unknown][] {
  const own: [string, unknown][] = [
    ['type', error.name],
    ['message', error.message],
    ['stack', error.stack],
  ];
  if (error.cause !== undefined) own.push(['cause', error.cause]);
  if (error instanceof AggregateError) own.push(['errors', error.errors]);
  return [...own, ...Object.entries(error).filter(([name]) => !own.some(([known]) => known === name))];
}

function namedEntries(map: ReadonlyMap<unknown, unknown>): [string, unknown][] {
  return [...map].map(([name, value]) => [typeof name === 'string' ? name : typeof name, value]);
}

function redactEntries(entries: readonly (readonly [string, unknown])[], above: readonly object[]) {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of entries.slice(0, mostEntries)) {
    const shown = redactText(name);
    clean[shown] = isSecretName(name) && value !== undefined && value !== null ? redacted : redact(value, above);
  }
  return clean;
}

function isSecretName(name: string): boolean {
  return secretNames.test(name.toLowerCase().replace(/[-_.]/g, ''));
}
