import { Command } from 'commander';
import { masked, shown } from '../config/mask.js';
import { ConfigError } from '../config/problem.js';
import { checkStart } from '../config/start-checks.js';
import { settings } from '../config/settings.js';
import { configOf, withConfig, type ConfigFlag, type Context } from './context.js';
import { writeJson, writeText } from './io.js';
import { table } from './table.js';

const everyFlag: readonly ConfigFlag[] = ['host', 'port', 'workers', 'models', 'features', 'data', 'logLevel'];

export function configCommand(context: Context): Command {
  const command = new Command('config').description('look at the configuration');
  const show = withConfig(new Command('show'), everyFlag)
    .description('print every value and where it came from; secrets are masked')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: ENVIRONMENT=production bin/inference config show')
    .action(async () => showConfig(show, context));
  const check = withConfig(new Command('check'), everyFlag)
    .description('say all that would stop the start')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: ENVIRONMENT=production bin/inference config check')
    .action(async () => checkConfig(check, context));
  return command.addCommand(show).addCommand(check);
}

async function showConfig(command: Command, context: Context): Promise<void> {
  const { config, sources } = await configOf(command, context);
  const rows = settings.map(({ key, path }) => {
    const value = path.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], config);
    return { key, value, source: sources.get(key) ?? 'unset' };
  });
  if (command.opts<{ json?: boolean }>().json) {
    const values = rows.map(({ key, value, source }) => [key, { value: masked(key, value), source }]);
    return writeJson(context.io.stdout, Object.fromEntries(values));
  }
  const lines = rows.map(({ key, value, source }) => [key, value === undefined ? '' : shown(key, value), source]);
  await writeText(context.io.stdout, table(['KEY', 'VALUE', 'FROM'], lines));
}

async function checkConfig(command: Command, context: Context): Promise<void> {
  const json = command.opts<{ json?: boolean }>().json === true;
  try {
    const loaded = await configOf(command, context);
    const hasApiKey = await (await context.operations()).hasApiKey(loaded.config);
    const problems = checkStart(loaded, { cwd: context.io.cwd, hasApiKey });
    if (problems.length > 0) throw new ConfigError(problems);
  } catch (error) {
    if (json && error instanceof ConfigError)
      await writeJson(context.io.stdout, { ok: false, problems: error.problems });
    throw error;
  }
  if (json) return writeJson(context.io.stdout, { ok: true, problems: [] });
  await writeText(context.io.stdout, 'The configuration is good.\n');
}
