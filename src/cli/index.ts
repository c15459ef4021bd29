import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/problem.js';
import { messageOf, ServiceError } from '../shared/errors.js';
import { configCommand } from './config.js';
import type { Context } from './context.js';
import { databaseCommand } from './database.js';
import { eventsCommand } from './events.js';
import { explainCommand } from './explain.js';
import { featuresCommand } from './features.js';
import { CommandFailure, UsageError, writeText, type Io } from './io.js';
import { keysCommand } from './keys.js';
import { modelsCommand } from './models.js';
import type { Operations } from '../app/operations.js';
import { modelServerCommand } from './model-server.js';
import { predictCommand } from './predict.js';
import { serveCommand } from './serve.js';

/** The exit codes of every command. */
export const exitCodes = { ok: 0, failure: 1, usage: 2 } as const;

/** All commands, for parsing and for docs/cli.md. */
export function createProgram(context: Context): Command {
  const program = new Command('bin/inference')
    .description('Serves predictions from trained models, and looks after models, features, events and keys.')
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 used wrongly.\nExample: bin/inference serve --port 8000');
  const commands = [
    serveCommand(context),
    modelServerCommand(context),
    predictCommand(context),
    explainCommand(context),
    modelsCommand(context),
    featuresCommand(context),
    eventsCommand(context),
    keysCommand(context),
    databaseCommand(context),
    configCommand(context),
  ];
  for (const command of commands) program.addCommand(command);
  prepare(program, context.io);
  return program;
}

/** Commander neither ends the process nor writes to it by itself. */
function prepare(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
  });
  command.showHelpAfterError('(add --help for usage and an example)');
  command.commands.forEach((child) => prepare(child, io));
}

/**
 * Runs one command line (without node and script).
 * @returns the exit code: 0 done, 1 failed, 2 used wrongly. Never rejects.
 */
export async function run(args: readonly string[], context: Context): Promise<number> {
  try {
    await createProgram(context).parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    await writeText(context.io.stderr, explain(error));
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
  }
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (error instanceof CommandFailure && error.message === '') return '';
  const code = error instanceof ServiceError ? ` (${error.code})` : '';
  return `inference: ${messageOf(error)}${code}\n`;
}

const lingerMs = 2000;

/** Runs the process's own command line. The first SIGINT or SIGTERM asks the command to stop; the second ends the process at once. */
export async function main(args: readonly string[], operations: () => Promise<Operations>): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(exitCodes.failure);
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // A reader that goes away (`| head`) ends the command quietly.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const io = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, cwd: process.cwd() };
  process.exitCode = await run(args, { io, operations, stop: stop.signal });
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  // Whatever still holds the process: the command is done.
  setTimeout(() => process.exit(), lingerMs).unref();
}
