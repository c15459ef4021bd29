import { Command } from 'commander';
import { configOf, withConfig, type Context } from './context.js';
import { CommandFailure, UsageError, writeJson, writeText } from './io.js';
import type { KeyOperations, KeyRequest, NewKey } from '../app/operations.js';
import { table } from './table.js';

export function keysCommand(context: Context): Command {
  const command = new Command('keys').description('look after API keys');
  for (const build of [createCommand, listCommand, rotateCommand, revokeCommand])
    command.addCommand(withConfig(build(context), ['data']));
  return command;
}

const wantsJson = (command: Command): boolean => command.opts<{ json?: boolean }>().json === true;

async function withKeys<T>(command: Command, context: Context, use: (keys: KeyOperations) => Promise<T>): Promise<T> {
  const { config } = await configOf(command, context);
  const keys = await (await context.operations()).openKeys(config);
  try {
    return await use(keys);
  } finally {
    await keys.close();
  }
}

const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];

interface CreateOptions {
  readonly label: string;
  readonly scope?: readonly string[];
  readonly expires?: string;
  readonly requestsPerMinute?: string;
  readonly hashOnly?: boolean;
}

function createCommand(context: Context): Command {
  const command = new Command('create')
    .description('make a key; its secret is shown this once')
    .requiredOption('--label <text>', 'whose key it is; goes into events and logs')
    .option(
      '--scope <scope>',
      'predict:*, predict:<model_id>, models:read, metrics:read or admin; may be repeated (default: predict:* and models:read)',
      collect,
    )
    .option('--expires <date>', 'ISO 8601 date, or days from now as 90d')
    .option('--requests-per-minute <number>', 'own limit, or `unlimited`')
    .option('--hash-only', 'store nothing: print the entry for auth.keys_file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      "\nExample: bin/inference keys create --label shop --scope 'predict:mortgage_denial' --expires 90d",
    );
  return command.action(async (options: CreateOptions) => {
    const request = requestOf(options);
    const key = options.hashOnly
      ? (await context.operations()).declareKey(request)
      : await withKeys(command, context, (keys) => keys.create(request));
    await showSecret(key, wantsJson(command), context);
  });
}

function requestOf(options: CreateOptions): KeyRequest {
  const limit = options.requestsPerMinute;
  if (limit !== undefined && limit !== 'unlimited' && !/^[1-9]\d{0,7}$/.test(limit))
    throw new UsageError('--requests-per-minute takes a whole number above 0, or unlimited');
  return {
    label: options.label,
    scopes: options.scope ?? ['predict:*', 'models:read'],
    ...(options.expires === undefined ? {} : { expiresAt: expiryOf(options.expires) }),
    ...(limit === undefined ? {} : { requestsPerMinute: limit === 'unlimited' ? null : Number(limit) }),
  };
}

function expiryOf(text: string): Date {
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const date = days === undefined ? new Date(text) : new Date(Date.now() + Number(days) * 86_400_000);
  if (Number.isNaN(date.getTime())) throw new UsageError('--expires takes an ISO 8601 date, or days as 90d');
  if (date.getTime() <= Date.now()) throw new UsageError('--expires must be in the future');
  return date;
}

async function showSecret(key: NewKey & { readonly entry?: string }, json: boolean, { io }: Context): Promise<void> {
  if (json) return writeJson(io.stdout, key);
  await writeText(io.stdout, key.entry === undefined ? `${key.secret}\n` : `${key.entry.trimEnd()}\n`);
  const words =
    key.entry === undefined
      ? `Key ${key.id}: the line above is its secret, and is not shown again.\n`
      : `The secret, which is not shown again: ${key.secret}\nAdd the entry above to auth.keys_file.\n`;
  await writeText(io.stderr, words);
}

function listCommand(context: Context): Command {
  const command = new Command('list')
    .description('list keys; secrets are not kept and cannot be shown')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference keys list');
  return command.action(async () => {
    const keys = await withKeys(command, context, (store) => store.list());
    if (wantsJson(command)) return writeJson(context.io.stdout, keys);
    const rows = keys.map(({ id, label, state, scopes, createdAt, expiresAt }) => {
      return [id, label, state, createdAt, expiresAt ?? 'never', scopes.join(' ')];
    });
    await writeText(context.io.stdout, table(['KEY', 'LABEL', 'STATE', 'CREATED', 'EXPIRES', 'SCOPES'], rows));
  });
}

function rotateCommand(context: Context): Command {
  const command = new Command('rotate')
    .description('make a new secret for a key; the old one works on for a while')
    .argument('<key>', 'id, from `keys list`')
    .option('--overlap <seconds>', 'how long the old secret works on', '86400')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference keys rotate KEY --overlap 3600');
  return command.action(async (id: string, { overlap }: { overlap: string }) => {
    if (!/^\d{1,8}$/.test(overlap)) throw new UsageError('--overlap takes whole seconds');
    const key = await withKeys(command, context, (keys) => keys.rotate(id, Number(overlap)));
    await showSecret(key, wantsJson(command), context);
  });
}

function revokeCommand(context: Context): Command {
  const command = new Command('revoke')
    .description('end a key; running servers refuse it within 30 seconds')
    .argument('<key>', 'id, from `keys list`')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference keys revoke KEY');
  return command.action(async (id: string) => {
    const revoked = await withKeys(command, context, (keys) => keys.revoke(id));
    if (!revoked) throw new CommandFailure(`there is no key ${id}`);
    if (wantsJson(command)) return writeJson(context.io.stdout, { id, revoked });
    await writeText(context.io.stdout, `Key ${id} is revoked.\n`);
  });
}
