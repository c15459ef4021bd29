import { Command } from 'commander';
import type { JsonValue } from '../shared/json.js';
import { configOf, withConfig, type Context } from './context.js';
import { UsageError, writeJson, writeText } from './io.js';

export function eventsCommand(context: Context): Command {
  const command = new Command('events').description('look at prediction events');
  for (const build of [tailCommand, statsCommand]) command.addCommand(withConfig(build(context), ['data']));
  return command;
}

function tailCommand(context: Context): Command {
  const command = new Command('tail')
    .description('print the last events, one JSON line each')
    .option('-n, --lines <count>', 'how many', '10')
    .option('-f, --follow', 'go on with new events until stopped')
    .option('--json', 'the default: events are JSON lines already')
    .addHelpText('after', '\nExample: bin/inference events tail -n 100 --follow');
  return command.action(async (options: { lines: string; follow?: boolean }) => {
    if (!/^\d{1,7}$/.test(options.lines)) throw new UsageError('--lines takes a whole number');
    const { config } = await configOf(command, context);
    const operations = await context.operations();
    const request = { count: Number(options.lines), follow: options.follow === true, signal: context.stop };
    for await (const line of operations.events.tail(config, request)) await writeText(context.io.stdout, `${line}\n`);
  });
}

function statsCommand(context: Context): Command {
  const command = new Command('stats')
    .description('count events by model and status, and what waits in the journal')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: bin/inference events stats');
  return command.action(async () => {
    const { config } = await configOf(command, context);
    const stats = await (await context.operations()).events.stats(config);
    if (command.opts<{ json?: boolean }>().json) return writeJson(context.io.stdout, stats);
    await writeText(context.io.stdout, outline(stats, ''));
  });
}

/** Nested counts as indented lines. */
function outline(value: JsonValue, indent: string): string {
  return Object.entries(value as Record<string, JsonValue>)
    .map(([name, child]) =>
      typeof child === 'object' && child !== null
        ? `${indent}${name}\n${outline(child, `${indent}  `)}`
        : `${indent}${name.padEnd(24 - Math.min(indent.length, 20))} ${String(child)}\n`,
    )
    .join('');
}
