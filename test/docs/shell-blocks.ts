/** Commands in a document. */
export interface ShellBlock {
  /** From the comment before it: `<!-- run -->`, `<!-- run: server -->` (goes on until the end), `<!-- skip -->`. */
  readonly mode: 'run' | 'server' | 'skip' | 'unmarked';
  readonly commands: string;
  /** The JSON block that follows, which the commands are said to print. */
  readonly shown: string | undefined;
}

const fence = /(?:<!-- (?<mark>[a-z: ]+) -->\s+)?```sh\n(?<commands>[^]*?)\n```(?:\s+```json\n(?<shown>[^]*?)\n```)?/g;
const modes: Readonly<Record<string, ShellBlock['mode']>> = { run: 'run', 'run: server': 'server', skip: 'skip' };

/** Every fenced `sh` block of a Markdown text, in order. */
export function shellBlocks(markdown: string): ShellBlock[] {
  return [...markdown.matchAll(fence)].map(({ groups }) => ({
    mode: modes[groups?.['mark'] ?? ''] ?? 'unmarked',
    commands: groups?.['commands'] ?? '',
    shown: groups?.['shown'],
  }));
}
