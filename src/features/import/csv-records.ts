import { createReadStream } from 'node:fs';
import { TextDecoder } from 'node:util';
import { parse } from 'csv-parse';

/** One record of a CSV file and the line on which it begins, the first being 1. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/** The file cannot be read as CSV from some line on. */
export class CsvFormatError extends Error {
  override readonly name = 'CsvFormatError';
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export type CsvSource = string | AsyncIterable<Buffer>;

/**
 * Records of a CSV file (RFC 4180; UTF-8 with or without a byte order mark; LF or CRLF), one at a time; blank lines are skipped.
 * `source` is a path or a stream of bytes. `onBytes` is told how many bytes have been read so far.
 * @throws CsvFormatError; the file system's error.
 */
export async function* readCsvRecords(
  source: CsvSource,
  onBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<CsvRecord> {
  const bytes = typeof source === 'string' ? createReadStream(source) : source;
  const parser = parse({ relax_column_count: true, record_delimiter: ['\r\n', '\n'] });
  const feeding = feed(decode(bytes, onBytes), parser);
  let line = 1;
  try {
    for await (const fields of parser as AsyncIterable<string[]>) {
      if (fields.length > 1 || fields[0] !== '') yield { line, fields };
      line += 1 + lineBreaksIn(fields);
    }
    await feeding;
  } catch (error) {
    throw isCsvError(error) ? new CsvFormatError(error.lines ?? line, describe(error.code)) : error;
  } finally {
    parser.destroy();
    await feeding.catch(() => undefined);
  }
}

/** Stops reading while the parser is full; what goes wrong with the source comes out of the parser. */
async function feed(chunks: AsyncIterable<string>, parser: ReturnType<typeof parse>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (parser.destroyed) return;
      if (!parser.write(chunk))
        await new Promise<void>((resolve) => onceAny(parser, ['drain', 'close', 'error'], resolve));
    }
    parser.end();
  } catch (error) {
    parser.destroy(error as Error);
  }
}

function onceAny(parser: ReturnType<typeof parse>, events: readonly string[], done: () => void): void {
  const settle = () => {
    for (const event of events) parser.off(event, settle);
    done();
  };
  for (const event of events) parser.on(event, settle);
}

/** Text in place of bytes; without the byte order mark. Bytes that are not UTF-8 would otherwise become U+FFFD in silence. */
async function* decode(bytes: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let count = 0;
  let line = 1;
  for await (const chunk of bytes) {
    const text = decodeChunk(decoder, chunk, line);
    line += text.split('\n').length - 1;
    count += chunk.length;
    onBytes(count);
    yield text;
  }
  decodeChunk(decoder, undefined, line);
}

function decodeChunk(decoder: TextDecoder, chunk: Buffer | undefined, line: number): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    const broken = chunk === undefined ? 0 : firstBrokenLine(chunk);
    throw new CsvFormatError(line + broken, 'the file is not UTF-8');
  }
}

/** How many lines of the chunk come before the one that is broken. */
function firstBrokenLine(chunk: Buffer): number {
  const lines = chunk.toString('latin1').split('\n');
  const index = lines.findIndex((text) => Buffer.from(text, 'latin1').toString('utf8').includes('\ufffd'));
  return Math.max(0, index);
}

function lineBreaksIn(fields: readonly string[]): number {
  let breaks = 0;
  for (const field of fields) for (let at = field.indexOf('\n'); at !== -1; at = field.indexOf('\n', at + 1)) breaks++;
  return breaks;
}

function isCsvError(error: unknown): error is { code: string; lines?: number } {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('CSV_');
}

function describe(code: string): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote is not closed before the end of the file';
  return `the file is not CSV here (${code.slice('CSV_'.length).toLowerCase().replaceAll('_', ' ')})`;
}
