import { Command } from 'commander';
import type { EventStats } from '../events/index.js';
import { configOf, withConfig, type Context } from './context.js';
import { UsageError, writeJson, writeText } from './io.js';
import { table } from './table.js';

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
    await operations.events.tail(config, {
      count: Number(options.lines),
      follow: options.follow === true,
      signal: context.stop,
      onEvent: (json) => writeText(context.io.stdout, `${json}\n`),
    });
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
    if (command.opts<{ json?: boolean }>().json) return writeJson(context.io.stdout, wireForm(stats));
    const rows = stats.counts.map(({ modelId, status, errorCode, events }) => {
      return [modelId ?? '(none)', status, errorCode ?? '', String(events)];
    });
    await writeText(context.io.stdout, table(['MODEL', 'STATUS', 'ERROR', 'EVENTS'], rows) + summary(stats));
  });
}

function summary({ events, unreadableLines, journal }: EventStats): string {
  const lines = [`${events} events in the files that are kept`];
  if (journal.events > 0)
    lines.push(`${journal.events} wait in the journal (${journal.bytes} bytes), the oldest of ${journal.oldest}`);
  if (unreadableLines > 0) lines.push(`${unreadableLines} lines are no events`);
  return lines.join('\n') + '\n';
}

function wireForm({ events, counts, unreadableLines, journal }: EventStats): object {
  return {
    events,
    counts: counts.map((one) => ({
      model_id: one.modelId,
      status: one.status,
      error_code: one.errorCode,
      events: one.events,
    })),
    unreadable_lines: unreadableLines,
    journal,
  };
}
