import type { Command } from 'commander';
import { Readable, Writable } from 'node:stream';
import { createProgram } from '../../src/cli/index.js';

/** docs/cli.md: the help of every command. */
export function cliMarkdown(): string {
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  const program = createProgram({
    io: { stdin: Readable.from([]), stdout: sink, stderr: sink, cwd: '.' },
    operations: () => Promise.reject(new Error('Documentation runs no command')),
    stop: new AbortController().signal,
  });
  const head = `# Command line

<!-- Generated from src/cli by \`npm run docs\`: do not edit. -->

The command is \`bin/inference\` in a clone. Results go to standard output, all else to standard error. Exit codes: 0 done, 1 failed,
2 used wrongly. Every command but \`serve\` takes \`--json\`.`;
  return [head, ...program.commands.flatMap((command) => sectionsOf(command, 'bin/inference'))].join('\n\n') + '\n';
}

function sectionsOf(command: Command, parent: string): string[] {
  const name = `${parent} ${command.name()}`;
  if (command.commands.length > 0) return command.commands.flatMap((child) => sectionsOf(child, name));
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 120 });
  command.outputHelp();
  return [`## ${name}`, '```text\n' + help.trim() + '\n```'];
}
