import { readFile, stat } from 'node:fs/promises';
import { isMap, isNode, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { isPlainObject, jsonTypeOf } from '../../shared/json.js';
import { nearestName } from '../../shared/names.js';
import { declaredKeyId } from './key-administration.js';
import { isLabel, isRequestsPerMinute, isScope, scopeWords, type KeyEntry } from './key-entry.js';

/** The keys file cannot be used. */
export class KeysFileError extends Error {
  override readonly name = 'KeysFileError';
  /** Everything wrong with it, each with its place; never a hash that it holds. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The keys file cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Larger files are refused: the whole file is read and held. */
const largestBytes = 4 * 1024 * 1024;

/** @throws KeysFileError with every problem of the file, also when it cannot be read. */
export async function readKeysFile(file: string): Promise<readonly KeyEntry[]> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > largestBytes) throw new Error(`it has ${size} bytes; at most ${largestBytes} are read`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new KeysFileError([`${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  return parseKeysFile(file, text);
}

/**
 * A YAML 1.2 list of `{label, sha256, scopes, expires_at?, requests_per_minute?}`; an empty file declares no key.
 * @throws KeysFileError with every problem and its line.
 */
export function parseKeysFile(file: string, text: string): readonly KeyEntry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { version: '1.2', lineCounter: lines, merge: false });
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line}`;
  if (document.errors.length > 0) {
    throw new KeysFileError(document.errors.map(({ pos, message }) => `${at(pos[0])}: ${message.split('\n')[0]}`));
  }
  const items = itemsOf(document, file);
  const problems: string[] = [];
  const entries: KeyEntry[] = [];
  const seen = new Map<string, string>();
  items.forEach(({ value, offset }, index) => {
    const place = `${at(offset)}: key ${index + 1}`;
    const found = problemsOf(value);
    const sha256 = isPlainObject(value) ? value['sha256'] : undefined;
    if (typeof sha256 === 'string') {
      const twin = seen.get(sha256);
      if (twin !== undefined) found.push(`sha256 is that of ${twin}`);
      else seen.set(sha256, `key ${index + 1}`);
    }
    problems.push(...found.map((problem) => `${place}: ${problem}`));
    if (found.length === 0) entries.push(entryOf(value as DeclaredEntry));
  });
  if (problems.length > 0) throw new KeysFileError(problems);
  return entries;
}

interface DeclaredEntry {
  readonly label: string;
  readonly sha256: string;
  readonly scopes: readonly string[];
  readonly expires_at?: string;
  readonly requests_per_minute?: number | 'unlimited';
}

function itemsOf(document: Document.Parsed, file: string): { value: unknown; offset: number }[] {
  const { contents } = document;
  if (contents === null) return [];
  if (!isSeq(contents)) {
    throw new KeysFileError([`${file}: expected a list of keys, got ${isMap(contents) ? 'a mapping' : 'a scalar'}`]);
  }
  const values = document.toJS({ maxAliasCount: 100 }) as unknown[];
  return contents.items.map((node, index) => {
    return { value: values[index], offset: isNode(node) ? (node.range?.[0] ?? 0) : 0 };
  });
}

type Check = (value: unknown) => string | false;

/** Field → what is wrong with its value. A value that may be a secret pasted by mistake is never repeated. */
const checks: Readonly<Record<string, Check>> = {
  label: (value) =>
    !(typeof value === 'string' && isLabel(value)) && `label must be a text of 1 to 128 characters, got ${kind(value)}`,
  sha256: (value) =>
    !(typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) &&
    'sha256 must be 64 lower-case hexadecimal digits (the hash, not the key: `keys create --hash-only` prints it)',
  scopes: (value) => {
    if (!Array.isArray(value) || value.length === 0)
      return `scopes must be a list of ${scopeWords}, got ${kind(value)}`;
    const wrong = value.filter((scope) => typeof scope !== 'string' || !isScope(scope));
    return wrong.length > 0 && `scopes holds ${wrong.length} that are none of ${scopeWords}`;
  },
  expires_at: (value) =>
    value !== undefined &&
    !(typeof value === 'string' && isoDate.test(value) && !Number.isNaN(Date.parse(value))) &&
    `expires_at must be an ISO 8601 date, or time with offset, got ${kind(value)}`,
  requests_per_minute: (value) =>
    value !== undefined &&
    value !== 'unlimited' &&
    !(typeof value === 'number' && isRequestsPerMinute(value)) &&
    `requests_per_minute must be a whole number of 1 to 10000000, or unlimited, got ${kind(value)}`,
};

const isoDate = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

function problemsOf(value: unknown): string[] {
  if (!isPlainObject(value)) return [`expected {label, sha256, scopes, …}, got ${kind(value)}`];
  const known = Object.keys(checks);
  const unknown = Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = nearestName(name, known);
      return near === undefined ? 'a field that is not known' : `a field that is not known; was ${near} meant?`;
    });
  const wrong = known.map((name) => checks[name]?.(value[name]) ?? false).filter((problem) => problem !== false);
  return [...unknown, ...wrong];
}

function kind(value: unknown): string {
  return value === undefined ? 'nothing' : `a value of type ${jsonTypeOf(value)}`;
}

function entryOf(declared: DeclaredEntry): KeyEntry {
  const id = declaredKeyId(declared.sha256);
  const limit = declared.requests_per_minute;
  return {
    id,
    sha256: declared.sha256,
    label: declared.label,
    scopes: declared.scopes,
    createdAt: 0,
    expiresAt: declared.expires_at === undefined ? null : Date.parse(declared.expires_at),
    revokedAt: null,
    ...(limit !== undefined && { requestsPerMinute: limit === 'unlimited' ? null : limit }),
    rotationGroup: id,
    replacedBy: null,
  };
}
