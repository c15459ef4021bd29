import { isMap, isScalar, type Pair } from 'yaml';
import { aliasPattern } from '../../shared/names.js';
import { YamlSource } from '../manifest/yaml-source.js';
import type { VersionProblem } from '../version-problem.js';

export const aliasesFile = 'aliases.yaml';

export interface AliasesReading {
  /** undefined when the file cannot be trusted. */
  readonly aliases: ReadonlyMap<string, string> | undefined;
  readonly problems: readonly VersionProblem[];
}

/** Reads aliases.yaml: alias → version. Versions are taken as the text that stands there, so 1.10 is not 1.1. */
export function readAliases(text: string): AliasesReading {
  const source = new YamlSource(aliasesFile, text);
  const problems = source.syntaxProblems().map((problem) => ({ ...problem, message: aliasMessage(problem.message) }));
  if (problems.length > 0) return { aliases: undefined, problems };
  const { contents } = source;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { aliases: new Map(), problems };
  if (!isMap(contents)) return { aliases: undefined, problems: [source.problem([], 'must map aliases to versions')] };
  const aliases = new Map<string, string>();
  for (const pair of contents.items) readPair(pair, source, aliases, problems);
  return { aliases: problems.length > 0 ? undefined : aliases, problems };
}

function readPair(pair: Pair, source: YamlSource, aliases: Map<string, string>, problems: VersionProblem[]): void {
  const alias = sourceText(pair.key) ?? '';
  const version = sourceText(pair.value);
  if (!aliasPattern.test(alias)) {
    problems.push(
      source.problem([alias], 'is no alias: lower-case letters, digits, _ and -, at most 64, a letter first'),
    );
  } else if (version === undefined || version === '') {
    problems.push(source.problem([alias], 'must be one version'));
  } else aliases.set(alias, version);
}

function sourceText(node: unknown): string | undefined {
  if (!isScalar(node)) return undefined;
  if (typeof node.value === 'string') return node.value;
  return node.value === null ? undefined : node.source;
}

function aliasMessage(message: string): string {
  return message === 'Map keys must be unique' ? 'two versions have one alias' : message;
}
