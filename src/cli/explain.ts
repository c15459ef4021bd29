import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import type { BatchResult, ExplanationReply } from '../prediction/index.js';
import { messageOf } from '../shared/errors.js';
import { isPlainObject } from '../shared/json.js';
import type { Context } from './context.js';
import { barChart } from './bar-chart.js';
import { CommandFailure, UsageError, writeJson, writeText } from './io.js';
import { openPredictor, withPredictor, type PredictorOptions } from './predict.js';

interface ExplainOptions extends PredictorOptions {
  readonly modelVersion?: string;
  readonly entity: readonly string[];
  readonly top: string;
  readonly json?: boolean;
}

export function explainCommand(context: Context): Command {
  const collect = (value: string, before: readonly string[]): string[] => [...before, value];
  const command = new Command('explain')
    .description('say why the prediction of one row is what it is: what each feature adds to the score, as a bar chart')
    .argument('[row]', 'features as JSON, or a file that holds them (a request body will do)')
    .option('--entity <name=key>', 'entity whose stored features are looked up; may be given again', collect, [])
    .option('--top <number>', 'features to show', '20')
    .option('--json', 'the whole result as JSON');
  withPredictor(command);
  command.addHelpText(
    'after',
    '\nExample: bin/inference explain examples/requests/diabetes.json --model diabetes' +
      '\nExample: bin/inference explain examples/requests/mortgage_denial_stored.json --model mortgage_denial --entity applicant_id=A-17',
  );
  return command.action(async (row: string | undefined, options: ExplainOptions) => {
    await explain(command, context, row, options);
  });
}

async function explain(
  command: Command,
  context: Context,
  row: string | undefined,
  options: ExplainOptions,
): Promise<void> {
  const body = bodyOf(context, row, options);
  const predictor = await openPredictor(command, context, options);
  try {
    const { results } = await predictor.predictBatch(body);
    await show(context, results[0], options);
  } finally {
    await predictor.close();
  }
}

function bodyOf(context: Context, row: string | undefined, options: ExplainOptions): string {
  const given = row === undefined ? {} : readRow(context, row);
  const { features = given, entities = {} } =
    'features' in given || 'entities' in given ? { features: {}, ...given } : given;
  const named = { ...(isPlainObject(entities) ? entities : {}), ...entitiesOf(options.entity) };
  const instance = { features: row === undefined ? {} : features, entities: named };
  return JSON.stringify({
    model_id: options.model,
    ...(options.modelVersion !== undefined && { model_version: options.modelVersion }),
    instances: [instance],
    options: { include_explanation: true },
  });
}

function readRow({ io }: Context, row: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(
      row.trimStart().startsWith('{') ? row : readFileSync(path.resolve(io.cwd, row), 'utf8'),
    );
    if (isPlainObject(value)) return value;
  } catch (error) {
    throw new CommandFailure(`cannot read the row: ${messageOf(error)}`);
  }
  throw new CommandFailure('the row is not a JSON object');
}

function entitiesOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError('--entity takes name=key');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

async function show({ io }: Context, result: BatchResult | undefined, { json, top }: ExplainOptions): Promise<void> {
  if (result === undefined) throw new CommandFailure('there is no answer');
  if (json === true) return writeJson(io.stdout, result);
  if ('error' in result) throw new CommandFailure(failureText(result.error));
  await writeText(io.stdout, `prediction ${JSON.stringify(result.prediction)}\n`);
  for (const { message } of result.warnings ?? []) await writeText(io.stderr, `warning: ${message}\n`);
  if (result.explanation === undefined) throw new CommandFailure('there is no explanation');
  await writeText(io.stdout, explanationText(result.explanation, topOf(top)));
}

function failureText({ error_code, message, details }: Extract<BatchResult, { error: unknown }>['error']): string {
  const { errors } = details as { errors?: readonly { path: string; problem: string }[] };
  const places = (errors ?? []).map(({ path: place, problem }) => `\n  ${place}: ${problem}`).join('');
  return `${message} (${error_code})${places}`;
}

function topOf(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new UsageError('--top takes a number from 1');
  return Number(text);
}

function explanationText({ method, output, scale, base_value, contributions }: ExplanationReply, top: number): string {
  const score = contributions.reduce((sum, { contribution }) => sum + contribution, base_value);
  const words = scale === 'value' ? output : `${scale.replaceAll('_', '-')} of ${output}`;
  const head = `${words}: ${score.toPrecision(5)} = ${base_value.toPrecision(5)} expected, and by feature (${method}):\n`;
  const left = contributions.length - top;
  const rest = left > 0 ? `and ${left} smaller ones\n` : '';
  return head + barChart(contributions.slice(0, top)) + rest;
}
