import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { messageOf } from '../shared/errors.js';
import { isPlainObject } from '../shared/json.js';
import { csvInstance } from './csv-instance.js';
import { CommandFailure } from './io.js';
import type { Signature } from '../app/operations.js';

export const rowFormats = ['json', 'csv'] as const;
export type RowFormat = (typeof rowFormats)[number];

/** One row read: the JSON text of an instance `{features, entities?}`, or why there is none. */
export type InputRow = { readonly instance: string } | { readonly problem: string };

/**
 * Reads rows as they come: JSON lines, one JSON array, or CSV with a header. Without `format` the first character decides. JSON lines
 * reach the service as they were written, so that it judges them, not we.
 */
export async function* readRows(
  input: Readable,
  format: RowFormat | undefined,
  signature: () => Promise<Signature>,
): AsyncGenerator<InputRow> {
  const { first, stream } = await peek(input);
  if ((format ?? (first === '[' || first === '{' ? 'json' : 'csv')) === 'csv')
    yield* csvRows(stream, await signature());
  else if (first === '[') yield* arrayRows(stream);
  else yield* lineRows(stream);
}

/** The first character that is not white space, and the whole text again. */
async function peek(input: Readable): Promise<{ first: string; stream: Readable }> {
  const source = input.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
  const seen: string[] = [];
  let first = '';
  while (first === '') {
    const next = await source.next();
    if (next.done === true) break;
    seen.push(seen.length === 0 ? next.value.replace(/^\uFEFF/, '') : next.value);
    first = seen.at(-1)?.trimStart()[0] ?? '';
  }
  const stream = Readable.from(
    (async function* () {
      yield* seen;
      for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
    })(),
  );
  return { first, stream };
}

async function* lineRows(stream: Readable): AsyncGenerator<InputRow> {
  let line = 0;
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    line++;
    if (text.trim() !== '') yield jsonRow(text, `line ${line}`);
  }
}

function jsonRow(text: string, place: string): InputRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `${place} is not JSON: ${messageOf(error)}` };
  }
  if (!isPlainObject(value)) return { problem: `${place} is not an object of features` };
  return { instance: isInstance(value) ? text : `{"features":${text}}` };
}

/** `{features?, entities?}` rather than the features themselves. */
function isInstance(value: Record<string, unknown>): boolean {
  const names = Object.keys(value);
  return (
    names.length > 0 &&
    names.every((name) => (name === 'features' || name === 'entities') && isPlainObject(value[name]))
  );
}

async function* arrayRows(stream: Readable): AsyncGenerator<InputRow> {
  const parts: string[] = [];
  for await (const part of stream) parts.push(part as string);
  let rows: unknown;
  try {
    rows = JSON.parse(parts.join(''));
  } catch (error) {
    throw new CommandFailure(`the input is not a JSON array: ${messageOf(error)}`);
  }
  for (const [index, row] of (rows as unknown[]).entries()) yield jsonRow(finiteJson(row), `element ${index}`);
}

/** A number that JSON cannot hold (1e400) must not turn into null on its way. */
function finiteJson(row: unknown): string {
  return JSON.stringify(row, (_, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new CommandFailure('the input holds a number out of range');
    return value;
  });
}

async function* csvRows(stream: Readable, signature: Signature): AsyncGenerator<InputRow> {
  const parser = stream.pipe(parse({ columns: true, bom: true, skip_empty_lines: true, trim: true }));
  stream.on('error', (error) => parser.destroy(error));
  try {
    for await (const record of parser) yield { instance: csvInstance(record as Record<string, string>, signature) };
  } catch (error) {
    if (error instanceof CsvError) throw new CommandFailure(`the input is not good CSV: ${error.message}`);
    throw error;
  }
}
