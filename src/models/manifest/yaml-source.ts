import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { VersionProblem } from '../version-problem.js';

export type YamlPath = readonly (string | number)[];

/** A YAML 1.2 text that still knows on which line each key stands. */
export class YamlSource {
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #file: string;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#document = parseDocument(text, { version: '1.2', lineCounter: this.#lines, uniqueKeys: true, merge: false });
  }

  /** Syntax errors and duplicate keys. */
  syntaxProblems(): VersionProblem[] {
    return this.#document.errors.map((error) => ({
      file: this.#file,
      line: this.#lines.linePos(error.pos[0]).line,
      message: error.message.split(' at line ')[0] ?? error.message,
      severity: 'error',
    }));
  }

  /** The value as plain data. @throws ReferenceError when aliases would blow it up. */
  value(): unknown {
    return this.#document.toJS({ maxAliasCount: 100 });
  }

  get contents(): Node | null {
    return this.#document.contents;
  }

  /** A problem at `path`; with `key`, at that key of the mapping at `path`. */
  problem(path: YamlPath, message: string, key?: string): VersionProblem {
    const full = key === undefined ? path : [...path, key];
    const line = this.lineOf(full);
    return { file: this.#file, ...(line !== undefined && { line }), key: keyText(full), message, severity: 'error' };
  }

  /** The line of the key or item at `path`, or of the nearest place above that exists. */
  lineOf(path: YamlPath): number | undefined {
    let node: unknown = this.#document.contents;
    let offset: number | undefined;
    for (const step of path) {
      const next = stepInto(node, step);
      if (next === undefined) break;
      offset = next.offset ?? offset;
      node = next.node;
    }
    return offset === undefined ? undefined : this.#lines.linePos(offset).line;
  }
}

function stepInto(node: unknown, step: string | number): { node: unknown; offset: number | undefined } | undefined {
  if (isSeq(node) && typeof step === 'number') {
    const item = node.items[step];
    return { node: item, offset: startOf(item) };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
  return pair === undefined ? undefined : { node: pair.value, offset: startOf(pair.key) };
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function keyText(path: YamlPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
