import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, parseDocument, type Node, type Pair, type YAMLMap } from 'yaml';
import { messageOf } from '../shared/errors.js';
import { nearestName } from '../shared/names.js';
import { jsonTypeOf } from '../shared/json.js';
import type { Source, SourceEntry } from './source.js';
import type { ConfigProblem } from './problem.js';
import { sectionKeys, settingsByKey } from './settings.js';

/** Reads a YAML 1.2 file. Each value remembers its line; unknown, doubled and misplaced keys are problems. */
export function readConfigFile(file: string, shownName: string): Source {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return onlyProblem({
      key: shownName,
      source: 'configuration file',
      expected: 'a readable file',
      got: messageOf(error),
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number): string => `${shownName}:${lines.linePos(offset).line}`;
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      key: shownName,
      source: at(error.pos[0]),
      expected: 'valid YAML',
      got: error.message.split('\n')[0] ?? error.code,
    }));
    return { entries: [], problems, warnings: [] };
  }
  const walk = new FileWalk(at);
  walk.section(document.contents, [], `${shownName}:1`);
  return { entries: walk.entries, problems: walk.problems, warnings: [] };
}

function onlyProblem(problem: ConfigProblem): Source {
  return { entries: [], problems: [problem], warnings: [] };
}

class FileWalk {
  readonly entries: SourceEntry[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #at: (offset: number) => string;

  constructor(at: (offset: number) => string) {
    this.#at = at;
  }

  section(node: Node | null, path: readonly string[], source: string): void {
    if (node === null || (isScalar(node) && node.value === null)) return;
    if (!isMap(node)) {
      const got = describeNode(node);
      this.problems.push({ key: path.join('.') || 'the file', source, expected: 'a section with keys', got });
      return;
    }
    for (const pair of (node as YAMLMap<Node, Node | null>).items) this.#pair(pair, path);
  }

  #pair(pair: Pair<Node, Node | null>, path: readonly string[]): void {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const childPath = [...path, name];
    const key = childPath.join('.');
    const source = this.#at(pair.key.range?.[0] ?? 0);
    if (sectionKeys.has(key)) this.section(pair.value, childPath, source);
    else if (settingsByKey.has(key)) this.entries.push({ key, value: plainValue(pair.value), source });
    else this.problems.push(unknownKey(key, source));
  }
}

function plainValue(node: Node | null): unknown {
  return node === null ? null : (node.toJSON() as unknown);
}

function describeNode(node: Node): string {
  return `a value of type ${jsonTypeOf(plainValue(node))}`;
}

/** A key that no setting has: with the one that was probably meant, by its last step or as a whole. */
export function unknownKey(key: string, source: string): ConfigProblem {
  const problem = { key, source, expected: 'a key that exists', got: 'an unknown key' };
  const meant = nearestKey(key);
  return meant === undefined ? problem : { ...problem, mend: `did you mean ${meant}?` };
}

function nearestKey(key: string): string | undefined {
  const parent = key.slice(0, key.lastIndexOf('.') + 1);
  const known = [...settingsByKey.keys(), ...sectionKeys];
  const siblings = known.filter((one) => one.startsWith(parent) && !one.slice(parent.length).includes('.'));
  const sibling = nearestName(
    key.slice(parent.length),
    siblings.map((one) => one.slice(parent.length)),
  );
  if (sibling !== undefined) return parent + sibling;
  const last = `.${key.slice(parent.length)}`;
  return known.find((one) => one.endsWith(last));
}
