import { Command } from 'commander';
import type { Config } from '../config/schema.js';
import { ConfigError } from '../config/problem.js';
import { checkStart } from '../config/start-checks.js';
import { configOf, withConfig, type Context } from './context.js';
import { CommandFailure, writeText } from './io.js';
import { startText } from './start-text.js';

export function serveCommand(context: Context): Command {
  const command = new Command('serve').description('serve predictions over HTTP until stopped');
  withConfig(command, ['host', 'port', 'workers', 'models', 'modelId', 'features', 'data', 'logLevel']);
  command.addHelpText('after', '\nExample: bin/inference serve --models ./models --data ./data --port 8000');
  return command.action(async () => serve(command, context));
}

/** `defaults`: values of keys that nothing else sets. */
export async function serve(
  command: Command,
  context: Context,
  defaults: Readonly<Record<string, string>> = {},
): Promise<void> {
  const loaded = await configOf(command, context, defaults);
  const operations = await context.operations();
  const facts = { cwd: context.io.cwd, hasApiKey: await operations.hasApiKey(loaded.config) };
  const problems = checkStart(loaded, facts);
  if (problems.length > 0) throw new ConfigError(problems);
  const service = await operations.createService(loaded.config);
  // A start that fails closes what it opened: nothing serves yet that would have to drain.
  const starting = service.start();
  const started = await Promise.race([starting, stopped(context.stop)]);
  if (started === undefined) {
    // What becomes of a start that is given up is no news.
    starting.catch(() => undefined);
    await service.stop();
    return;
  }
  try {
    await announce(loaded.config, started, context);
    const crashed = await Promise.race([stopped(context.stop), service.crashed.then(() => true)]);
    // The log has told why.
    if (crashed === true) throw new CommandFailure('');
  } finally {
    await service.stop();
  }
}

/** Written to standard error: standard output holds the log, one JSON line each. */
async function announce(config: Config, facts: Parameters<typeof startText>[1], { io }: Context): Promise<void> {
  await writeText(io.stderr, startText(config, facts));
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
