import { Command } from 'commander';
import type { DatabaseStatus } from '../app/operations.js';
import { configOf, withConfig, type Context } from './context.js';
import { CommandFailure, writeJson, writeText } from './io.js';

export function databaseCommand(context: Context): Command {
  const command = new Command('database').description("look after the program's own tables in PostgreSQL");
  for (const build of [migrateCommand, statusCommand]) command.addCommand(withConfig(build(context), []));
  return command;
}

const wantsJson = (command: Command): boolean => command.opts<{ json?: boolean }>().json === true;

function migrateCommand(context: Context): Command {
  const command = new Command('migrate')
    .description('make the tables, or bring them up to date; may be run again, and by several at once')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: DATABASE_URL=postgres://app:secret@db/app bin/inference database migrate');
  return command.action(async () => {
    const { config } = await configOf(command, context);
    const { applied, ...status } = await (await context.operations()).database.migrate(config);
    if (wantsJson(command)) return writeJson(context.io.stdout, { ...status, applied });
    const done = applied.length === 0 ? 'nothing to do' : `made ${applied.join(', ')}`;
    await writeText(context.io.stdout, `${done}; ${versionText(status)}\n`);
  });
}

function statusCommand(context: Context): Command {
  const command = new Command('status')
    .description('say whether the tables are there and up to date; exit code 1 where they are not')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference database status --json');
  return command.action(async () => {
    const { config } = await configOf(command, context);
    const status = await (await context.operations()).database.status(config);
    if (wantsJson(command)) await writeJson(context.io.stdout, status);
    else await writeText(context.io.stdout, `${versionText(status)}\n`);
    if (status.pending.length === 0) return;
    throw new CommandFailure(`it lacks ${status.pending.join(', ')}; run: bin/inference database migrate`);
  });
}

function versionText({ schema, version, latest }: DatabaseStatus): string {
  return `schema ${schema} is at version ${version} of ${latest}`;
}
