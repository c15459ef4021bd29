import { Command } from 'commander';
import { configOf, withConfig, type ConfigFlag, type Context } from './context.js';
import { CommandFailure, writeJson, writeText } from './io.js';
import type { ModelReport } from '../app/operations.js';
import type { ModelDescription } from '../models/index.js';
import { nearestName } from '../shared/names.js';
import type { Config } from '../config/schema.js';
import { table } from './table.js';

const flags: readonly ConfigFlag[] = ['models', 'features', 'data'];

export function modelsCommand(context: Context): Command {
  const command = new Command('models').description('look after the models of a folder');
  for (const build of [listCommand, showCommand, checkCommand, importCommand, promoteCommand, retireCommand])
    command.addCommand(withConfig(build(context), flags));
  return command;
}

const wantsJson = (command: Command): boolean => command.opts<{ json?: boolean }>().json === true;

function listCommand(context: Context): Command {
  const command = new Command('list')
    .description('list models, their versions and what answers')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference models list');
  return command.action(async () => {
    const { config } = await configOf(command, context);
    const models = await (await context.operations()).models.list(config);
    if (wantsJson(command)) return writeJson(context.io.stdout, models);
    const rows = models.flatMap((model) =>
      model.versions.map(({ version, state, aliases, reasons }) => {
        const marks = [
          ...aliases.map((alias) => `@${alias}`),
          ...(version === model.default_version ? ['answers'] : []),
        ];
        return [model.model_id, version, state, marks.join(' '), reasons.join('; ')];
      }),
    );
    await writeText(context.io.stdout, table(['MODEL', 'VERSION', 'STATE', '', 'REASON'], rows));
  });
}

function showCommand(context: Context): Command {
  const command = new Command('show')
    .description("print a model's versions, features and an example request, as /v1/models/{model_id} does")
    .argument('<model_id>')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference models show mortgage_denial');
  return command.action(async (modelId: string) => {
    const { config } = await configOf(command, context);
    const models = await (await context.operations()).models.list(config);
    const model = models.find((one) => one.model_id === modelId);
    if (model === undefined) throw new CommandFailure(noSuchModel(modelId, models, config));
    if (wantsJson(command)) return writeJson(context.io.stdout, model);
    await writeText(context.io.stdout, modelText(model));
  });
}

function noSuchModel(modelId: string, models: readonly ModelDescription[], config: Config): string {
  const meant = nearestName(
    modelId,
    models.map(({ model_id }) => model_id),
  );
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return `there is no model ${modelId} in ${config.inference_service.models.directory}${hint}`;
}

function modelText(model: ModelDescription): string {
  const lines = [`${model.model_id}: ${model.default_version ?? 'no version'} answers`, ...model.problems];
  for (const { version, state, description, reasons, features, example } of model.versions) {
    lines.push(
      '',
      `${version} (${state})${description === undefined ? '' : `: ${description}`}`,
      ...reasons.map((one) => `  ${one}`),
    );
    for (const [name, schema] of Object.entries((features?.['properties'] ?? {}) as object))
      lines.push(`  ${name.padEnd(24)} ${JSON.stringify(schema)}`);
    if (example !== undefined) lines.push(`  example: ${JSON.stringify(example)}`);
  }
  return lines.join('\n') + '\n';
}

function checkCommand(context: Context): Command {
  const command = new Command('check')
    .description('say all that is wrong with models, and score their golden rows')
    .argument('[model_id]', 'all models without it')
    .argument('[version]', 'all versions without it')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference models check iris 1');
  return command.action(async (modelId?: string, version?: string) => {
    const { config } = await configOf(command, context);
    const reports = await (await context.operations()).models.check(config, modelId, version);
    await reportModels(reports, wantsJson(command), context);
  });
}

async function reportModels(reports: readonly ModelReport[], json: boolean, { io }: Context): Promise<void> {
  if (json) await writeJson(io.stdout, reports);
  else await writeText(io.stdout, reports.map(reportText).join(''));
  const bad = reports.filter(({ ok }) => !ok).length;
  if (reports.length === 0) throw new CommandFailure('there is no such model or version');
  if (bad > 0) throw new CommandFailure(`${bad} of ${reports.length} checked versions cannot serve`);
}

function reportText({ modelId, version, ok, problems, notes }: ModelReport): string {
  const lines = [`${modelId} ${version}: ${ok ? 'good' : 'cannot serve'}`];
  lines.push(...problems.map((one) => `  problem: ${one}`), ...notes.map((one) => `  ${one}`));
  return lines.join('\n') + '\n';
}

function importCommand(context: Context): Command {
  const command = new Command('import')
    .description('make a version from an ONNX file: writes its folder and a model.yaml worked out from the graph')
    .argument('<file>', 'ONNX file')
    .requiredOption('--id <model_id>', 'model to add the version to; new or not')
    .requiredOption('--version <version>', 'semantic version or positive integer')
    .option('--columns <names>', 'names of the columns of a single input tensor, in order: a,b,c (else f0,f1,…)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference models import model.onnx --id iris --version 1 --columns a,b,c,d');
  return command.action(async (file: string, options: { id: string; version: string; columns?: string }) => {
    const { config } = await configOf(command, context);
    const columns = options.columns?.split(',').map((name) => name.trim());
    const request = {
      file,
      modelId: options.id,
      version: options.version,
      ...(columns === undefined ? {} : { columns }),
    };
    const { manifest, report } = await (await context.operations()).models.import(config, request);
    if (wantsJson(command)) return writeJson(context.io.stdout, { manifest, ...report });
    await writeText(context.io.stdout, `Wrote ${manifest}\n${reportText(report)}`);
  });
}

function promoteCommand(context: Context): Command {
  const command = new Command('promote')
    .description('point an alias at a version; a running server follows within two seconds')
    .argument('<model_id>')
    .argument('<version>')
    .option('--alias <alias>', 'alias to move', 'production')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference models promote mortgage_denial 1.1.0');
  return command.action(async (modelId: string, version: string, { alias }: { alias: string }) => {
    const { config } = await configOf(command, context);
    const before = await (await context.operations()).models.promote(config, { modelId, version }, alias);
    if (wantsJson(command))
      return writeJson(context.io.stdout, { model_id: modelId, alias, version, before: before ?? null });
    await writeText(
      context.io.stdout,
      `${modelId}@${alias} is ${version}${before === undefined ? '' : `, was ${before}`}\n`,
    );
  });
}

function retireCommand(context: Context): Command {
  const command = new Command('retire')
    .description('take a version out of service; its files are kept')
    .argument('<model_id>')
    .argument('<version>')
    .option('--force', 'also where an alias points at it; the alias is taken away')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference models retire mortgage_denial 1.0.0');
  return command.action(async (modelId: string, version: string, { force }: { force?: boolean }) => {
    const { config } = await configOf(command, context);
    const { models } = await context.operations();
    const { folder, aliases } = await models.retire(config, { modelId, version }, force === true);
    const facts = { model_id: modelId, version, moved_to: folder, aliases_removed: aliases };
    if (wantsJson(command)) return writeJson(context.io.stdout, facts);
    const removed = aliases.length === 0 ? '' : `; removed: ${aliases.map((alias) => `@${alias}`).join(' ')}`;
    await writeText(
      context.io.stdout,
      `${modelId} ${version} is out of service; its files are in ${folder}${removed}\n`,
    );
  });
}
