import type { Command } from 'commander';
import { loadConfig, type LoadedConfig, type LoadRequest } from '../config/load.js';
import { writeText, type Io } from './io.js';
import type { Operations } from '../app/operations.js';

/** What every command is given. */
export interface Context {
  readonly io: Io;
  readonly operations: () => Promise<Operations>;
  /** Stands for the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal;
}

const flags = [
  { name: 'host', flag: '--host', hint: '<address>', key: 'inference_service.host', text: 'address to listen on' },
  {
    name: 'port',
    flag: '--port',
    hint: '<number>',
    key: 'inference_service.port',
    text: 'port to listen on; 0 takes a free one',
  },
  {
    name: 'grpcPort',
    flag: '--grpc-port',
    hint: '<number>',
    key: 'inference_service.grpc.port',
    text: 'port of gRPC; 0 takes a free one',
  },
  {
    name: 'workers',
    flag: '--workers',
    hint: '<number>',
    key: 'inference_service.workers',
    text: 'processes that share the port',
  },
  {
    name: 'models',
    flag: '--models',
    hint: '<dir>',
    key: 'inference_service.models.directory',
    text: 'folder of models',
  },
  {
    name: 'modelId',
    flag: '--model-id',
    hint: '<id>',
    key: 'inference_service.models.model_id',
    text: 'name of the model, where the folder itself holds model.onnx',
  },
  {
    name: 'features',
    flag: '--features',
    hint: '<file>',
    key: 'inference_service.features.file',
    text: 'file of feature views',
  },
  { name: 'data', flag: '--data', hint: '<dir>', key: 'inference_service.data', text: 'folder of all embedded state' },
  {
    name: 'logLevel',
    flag: '--log-level',
    hint: '<level>',
    key: 'inference_service.log_level',
    text: 'trace, debug, info, warn, error or fatal',
  },
] as const;

export type ConfigFlag = (typeof flags)[number]['name'];

/** Adds --config and the flags named, each of which overrides one key. */
export function withConfig(command: Command, names: readonly ConfigFlag[]): Command {
  command.option('--config <file>', 'configuration file, instead of config/<ENVIRONMENT>.yaml');
  for (const { name, flag, hint, text } of flags) if (names.includes(name)) command.option(`${flag} ${hint}`, text);
  return command;
}

/** Loads the configuration as the command's options say, and prints its warnings. @throws ConfigError */
export async function configOf(
  command: Command,
  { io }: Context,
  defaults: Readonly<Record<string, string>> = {},
): Promise<LoadedConfig> {
  const options = command.opts<Record<string, string | undefined>>();
  const overrides: NonNullable<LoadRequest['flags']> = Object.fromEntries(
    flags.flatMap(({ name, flag, key }) => {
      const text = options[name];
      return text === undefined ? [] : [[key, { flag, text }]];
    }),
  );
  const load = (given: typeof overrides) => loadConfig({ file: options['config'], flags: given, cwd: io.cwd });
  const said = load(overrides);
  const unsaid = Object.entries(defaults).filter(([key]) => (said.sources.get(key) ?? 'default') === 'default');
  const loaded =
    unsaid.length === 0
      ? said
      : load({
          ...Object.fromEntries(unsaid.map(([key, text]) => [key, { flag: command.name(), text }])),
          ...overrides,
        });
  for (const warning of loaded.warnings) await writeText(io.stderr, `warning: ${warning}\n`);
  return loaded;
}
