import { createReadStream, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { Command, Option } from 'commander';
import { messageOf } from '../shared/errors.js';
import { configOf, withConfig, type Context } from './context.js';
import { CommandFailure, UsageError, writeText } from './io.js';
import type { Predictor } from '../app/operations.js';
import { predictRows, type PredictionPlan } from './predict-rows.js';
import { progressBar } from './progress.js';
import { readRows, rowFormats, type RowFormat } from './rows.js';

/** Where rows are predicted: here, or on a server. */
export interface PredictorOptions {
  readonly model: string;
  readonly url?: string;
  readonly apiKey?: string;
  readonly apiKeyFile?: string;
}

interface PredictOptions extends PredictorOptions {
  readonly modelVersion?: string;
  readonly batchSize: string;
  readonly format?: RowFormat;
  readonly cache: boolean;
}

/** Adds the options that say which model predicts, and where. */
export function withPredictor(command: Command): void {
  command
    .requiredOption('--model <model_id>', 'model that predicts')
    .option('--model-version <version>', 'version or @alias')
    .option('--url <url>', 'a running server; without it the model is loaded here')
    .option('--api-key <key>', 'key for the server')
    .option('--api-key-file <file>', 'file that holds the key');
  withConfig(command, ['models', 'features', 'data']);
}

export function predictCommand(context: Context): Command {
  const command = new Command('predict')
    .description('predict the rows of a file or of standard input: JSON lines, a JSON array, or CSV; JSON lines out')
    .argument('[file]', 'rows: features, or {"features": …, "entities": …}; standard input without it')
    .option('--batch-size <number>', 'rows of one call, 1 to 1000', '100')
    .addOption(new Option('--format <format>', 'json or csv; else the first character decides').choices(rowFormats))
    .option('--no-cache', 'do not read cached features')
    .option('--json', 'the default: output is JSON lines already');
  withPredictor(command);
  command.addHelpText(
    'after',
    '\nOutput: {"index", "prediction", "confidence", …} or {"index", "error"} a row. Exit code 1 when a row failed.' +
      '\nExample: bin/inference predict rows.csv --model iris > predictions.jsonl',
  );
  return command.action(async (file: string | undefined, options: PredictOptions) => {
    await predict(command, context, file, options);
  });
}

async function predict(
  command: Command,
  context: Context,
  file: string | undefined,
  options: PredictOptions,
): Promise<void> {
  const plan = planOf(options);
  const source = openSource(context, file);
  const predictor = await openPredictor(command, context, options);
  const bar = progressBar(context.io, 'bytes');
  try {
    const rows = readRows(source.stream, options.format, () => predictor.signature(options.modelVersion));
    const failed = await predictRows(rows, plan, {
      predictBatch: (body) => predictor.predictBatch(body),
      write: (line) => writeText(context.io.stdout, line),
      onBatch: () => source.total > 0 && bar.show(source.read(), source.total),
    });
    bar.stop();
    if (failed > 0) throw new CommandFailure(failed === 1 ? '1 row failed' : `${failed} rows failed`);
  } finally {
    bar.stop();
    await predictor.close();
  }
}

function planOf({ model, modelVersion, batchSize, cache }: PredictOptions): PredictionPlan {
  const size = /^\d{1,4}$/.test(batchSize) ? Number(batchSize) : 0;
  if (size < 1 || size > 1000) throw new UsageError('--batch-size takes 1 to 1000');
  return { modelId: model, modelVersion, batchSize: size, enableCache: cache };
}

interface Source {
  readonly stream: Readable;
  readonly read: () => number;
  /** 0 where nobody knows. */
  readonly total: number;
}

function openSource({ io }: Context, file: string | undefined): Source {
  if (file === undefined || file === '-') return { stream: io.stdin, read: () => 0, total: 0 };
  const full = path.resolve(io.cwd, file);
  try {
    const { size } = statSync(full);
    const stream = createReadStream(full);
    return { stream, read: () => stream.bytesRead, total: size };
  } catch (error) {
    throw new CommandFailure(`cannot read ${file}: ${messageOf(error)}`);
  }
}

/** @throws UsageError, CommandFailure, ConfigError */
export async function openPredictor(command: Command, context: Context, options: PredictorOptions): Promise<Predictor> {
  if (options.url !== undefined) return openRemote(context, options.url, options);
  if (options.apiKey !== undefined || options.apiKeyFile !== undefined) throw new UsageError('an API key needs --url');
  const { config } = await configOf(command, context);
  return (await context.operations()).openPredictor(config, options.model);
}

async function openRemote(
  { io }: Context,
  url: string,
  { apiKey, apiKeyFile, model }: PredictorOptions,
): Promise<Predictor> {
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) throw new UsageError('--url takes http://… or https://…');
  const key = apiKeyFile === undefined ? apiKey : readFileSync(path.resolve(io.cwd, apiKeyFile), 'utf8').trim();
  // Its HTTP client is loaded only where it is used.
  const { RemotePredictor } = await import('./remote-predictor.js');
  return new RemotePredictor({ url, apiKey: key }, model);
}
