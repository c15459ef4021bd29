import { Command } from 'commander';
import type { FeatureImportResult } from '../app/operations.js';
import { configOf, withConfig, type ConfigFlag, type Context } from './context.js';
import { CommandFailure, writeJson, writeText } from './io.js';
import { progressBar } from './progress.js';
import { table } from './table.js';

const flags: readonly ConfigFlag[] = ['features', 'data'];

export function featuresCommand(context: Context): Command {
  const command = new Command('features').description('fill and look at the feature store');
  for (const build of [importCommand, getCommand, verifyCommand]) command.addCommand(withConfig(build(context), flags));
  return command;
}

const wantsJson = (command: Command): boolean => command.opts<{ json?: boolean }>().json === true;

function importCommand(context: Context): Command {
  const command = new Command('import')
    .description('insert or replace rows from a CSV file: all of them, or none where a row is bad')
    .argument('<file>', 'CSV file; its header names the key, the timestamp and the features of the view')
    .requiredOption('--view <view>', 'feature view to fill')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample: bin/inference features import examples/features/applicant_profile.csv --view applicant_profile',
    );
  return command.action(async (file: string, { view }: { view: string }) => {
    const { config } = await configOf(command, context);
    const operations = await context.operations();
    const bar = progressBar(context.io, 'bytes');
    try {
      const result = await operations.features.import(config, { file, view, onProgress: bar.show });
      bar.stop();
      await reportImport(view, result, wantsJson(command), context);
    } finally {
      bar.stop();
    }
  });
}

async function reportImport(view: string, result: FeatureImportResult, json: boolean, { io }: Context): Promise<void> {
  if (json) await writeJson(io.stdout, { view, ...result });
  const { rows, problems, problemCount, ignoredColumns } = result;
  if (problemCount > 0) {
    const lines = problems.map(({ line, message }) => `  line ${line}: ${message}`);
    if (problemCount > problems.length) lines.push(`  and ${problemCount - problems.length} more`);
    throw new CommandFailure([`nothing was imported into ${view}; bad rows:`, ...lines].join('\n'));
  }
  if (ignoredColumns.length > 0) {
    await writeText(
      io.stderr,
      `warning: ${view} does not name these columns, which were left out: ${ignoredColumns.join(', ')}\n`,
    );
  }
  if (!json) await writeText(io.stdout, `${rows} rows imported into ${view}\n`);
}

function getCommand(context: Context): Command {
  const command = new Command('get')
    .description('print the stored features of one entity')
    .argument('<view>')
    .argument('<key>', "the entity's key")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference features get applicant_profile A-17');
  return command.action(async (view: string, key: string) => {
    const { config } = await configOf(command, context);
    const entity = await (await context.operations()).features.get(config, view, key);
    if (entity === undefined) throw new CommandFailure(`${view} has no row for ${key}`);
    if (wantsJson(command)) return writeJson(context.io.stdout, entity);
    const rows = Object.entries(entity.features).map(([name, value]) => [name, JSON.stringify(value)]);
    await writeText(context.io.stdout, table(['FEATURE', 'VALUE'], rows));
    if (entity.updated_at === null) return;
    const stale = entity.stale ? ', older than its view allows' : '';
    await writeText(context.io.stdout, `updated at ${entity.updated_at}${stale}\n`);
  });
}

function verifyCommand(context: Context): Command {
  const command = new Command('verify')
    .description('compare the feature views with their tables')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference features verify');
  return command.action(async () => {
    const { config } = await configOf(command, context);
    const views = await (await context.operations()).features.verify(config);
    if (wantsJson(command)) await writeJson(context.io.stdout, views);
    else
      await writeText(
        context.io.stdout,
        views.map(({ view, problems }) => `${view}: ${problems.join('; ') || 'good'}\n`).join(''),
      );
    const bad = views.filter(({ problems }) => problems.length > 0).length;
    if (bad > 0) throw new CommandFailure(`${bad} of ${views.length} views do not fit their tables`);
  });
}
